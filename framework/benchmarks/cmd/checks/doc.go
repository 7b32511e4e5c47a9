// Command checks measures how long a client of Postfix waits for three filters
// that take 100 ms each, and writes the tables into a document.
package main
