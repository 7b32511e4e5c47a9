// Command dkim compares the speed of examples/dkimd with that of OpenDKIM, and
// writes the tables into a document.
package main
