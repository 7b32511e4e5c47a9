// Probe acts as the MTA for a milter. It sends one message through any filter
// and shows the negotiation, every reply, the modifications, and the message as
// the MTA would deliver it.
//
//	probe -milter inet:9000@127.0.0.1 -from a@example.org -rcpt b@example.net message.eml
//
// With -replay it plays recorded mail to the filter, and says what the filter does differently
// than the recorded one did:
//
//	probe -milter inet:9000@127.0.0.1 -replay /var/lib/sluiced/mail
//
// The exit status is 0 whatever the filter's verdict, 1 if the filter cannot
// be reached or breaks the protocol, and 2 for wrong arguments. With -replay it is
// 4 if any message is treated differently, and 5 if none is but some could not be
// replayed.
package main
