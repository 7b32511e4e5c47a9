// Aliases replaces recipients by the targets that an SQLite database names for them.
// See README.md.
package main
