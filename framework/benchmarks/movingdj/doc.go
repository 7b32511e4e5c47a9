// Movingdj is the filter of docs/howto/moving-from-dj-go-milter.md before the move to
// Sluice.
package main
