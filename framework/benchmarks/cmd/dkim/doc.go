// Command dkim measures examples/dkimd beside OpenDKIM, and writes what it found
// into a document.
package main
