// Chain puts two milters that run elsewhere and a filter of this program into one chain:
// one milter checks mail, the filter tags the subject of mail from outside, and the other
// milter signs what the filter leaves.
//
//	chain -verify inet:8893@127.0.0.1 -sign inet:8891@127.0.0.1
//
// See README.md.
package main
