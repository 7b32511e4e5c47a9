// Moving is the filter of docs/howto/moving-from-go-milter.md, as it is before.
package main
