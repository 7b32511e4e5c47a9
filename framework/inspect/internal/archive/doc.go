// Package archive reads the records of a folder that processes write, newest first.
//
// It keeps an index in memory: for each file the key of its first record and, as far as the file
// was read, a mark every block. Both are bounded, whatever is in the folder. A file is read from
// its beginning only as far as a reader needs it, and only once. What a file has more the next
// time is read then.
//
// Files come, grow and leave while readers walk. A file that leaves takes its records with it. What
// is damaged is left out, and logged once for each file.
package archive
