// Command emersion plays the benchmark's filters on emersion/go-milter.
package main
