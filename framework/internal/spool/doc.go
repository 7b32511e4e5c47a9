// Package spool keeps message bodies so that they can be read again. A small
// body stays in memory while the memory budget allows. Any other body goes to a
// temporary file. Budgets limit the memory and the disk space of all bodies
// together.
package spool
