// Package headertwice recognises a header that an MTA sends twice: field by field, and again
// in front of the body.
package headertwice
