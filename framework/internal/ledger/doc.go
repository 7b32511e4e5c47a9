// Package ledger keeps the books of a message's header: the fields that the
// MTA showed, and every edit that a filter asked for. It answers how the
// header stands now, and writes the shortest list of modifications that makes
// the MTA's header the same, on Postfix and on Sendmail alike.
//
// The two MTAs count differently. Postfix forgets a deleted field at once, so
// that the fields below move up; Sendmail keeps counting it, and counts fields
// of its own that nobody is shown. So every script goes from the last field to
// the first, where each index still means what was shown.
//
// On Sendmail it changes and deletes first, and inserts when it is done with
// that: where insertions go is a guess there, and whatever is guessed wrong, no
// other field is hit. On Postfix it is done with one place before it comes to
// the next, because Postfix searches its queue file from the top, through all
// that was edited, and gives up after a while. What goes above the MTA's own
// Received comes last, so that nothing else has to count it. See [MTA].
//
// A ledger that was shown no fields is blind: nobody asked for the header. It
// then takes the n-th field of a name at its word.
package ledger
