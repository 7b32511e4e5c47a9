// Moving is the filter of docs/howto/moving-from-go-milter.md before the move
// to Sluice.
package main
