// Probe acts as the MTA for a milter. It sends one message through any filter
// and shows the negotiation, every reply, the modifications, and the message as
// the MTA would deliver it.
//
//	probe -milter inet:9000@127.0.0.1 -from a@example.org -rcpt b@example.net message.eml
//
// The exit status is 0 whatever the filter's verdict, 1 if the filter cannot
// be reached or breaks the protocol, and 2 for wrong arguments.
package main
