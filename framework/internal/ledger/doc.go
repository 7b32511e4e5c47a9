// Package ledger keeps the books of a message's header: the fields that the
// MTA showed, and every edit that a filter asked for. It answers how the
// header stands now, and writes the shortest list of modifications that makes
// the MTA's header the same, on Postfix and on Sendmail alike.
//
// The two MTAs count differently. Postfix forgets a deleted field at once, so
// that the fields below move up; Sendmail keeps counting it, and counts fields
// of its own that nobody is shown. So the script changes and deletes first, from
// the last field to the first, while every index means what was shown: whatever
// else is guessed wrong, no other field is hit. Then it inserts, from the top
// down, and appends. What goes above the MTA's own Received comes last, so that
// nothing else has to count it. Where new fields go still differs: see [MTA].
//
// A ledger that was shown no fields is blind: nobody asked for the header. It
// then takes the n-th field of a name at its word.
package ledger
