// Command sluice plays the benchmark's filters on Sluice.
package main
