// Package ledger records the header of a message: the fields that the MTA
// showed and the edits that filters made to them. It returns the edited header,
// and writes the shortest list of modifications that
// makes the MTA's header equal to the edited one, for Postfix and for Sendmail.
//
// The two MTAs count fields differently. Postfix drops a deleted field at once,
// so that the fields below it move up. Sendmail keeps counting a deleted field,
// and it counts fields that it does not show. A script of modifications
// therefore goes from the last field to the first, so that each index still
// means the field that the MTA showed.
//
// On Sendmail, a script first changes and deletes fields and then inserts
// fields. The index of an insertion is a guess there, and in this order a wrong
// guess does not affect any other field. On Postfix, a script completes each
// place before the next one above it. Postfix searches its queue file from the
// top, through all edits so far, and gives up after a number of jumps. Fields
// above the MTA's own Received field come last, so that no other index has to
// count them. See [MTA].
//
// The MTA need not show the header to a filter that adds fields only above or
// below all others. Every other edit needs the header: a number alone does not
// tell which field, or which place, is meant once other edits were made.
package ledger
