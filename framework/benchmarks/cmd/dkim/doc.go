// Command dkim measures the speed of examples/dkimd and of OpenDKIM, and writes
// the tables into a document.
package main
