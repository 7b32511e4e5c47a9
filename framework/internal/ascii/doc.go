// Package ascii compares and checks the names in a mail header as MTAs do.
//
// MTAs ignore the case of the letters A to Z and compare all other bytes
// exactly. Package strings also folds the case of other Unicode letters: it
// considers "K" equal to U+212A, the Kelvin sign. A sender could use that to
// hide a field from a filter.
package ascii
