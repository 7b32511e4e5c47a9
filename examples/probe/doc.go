// Probe plays the MTA to a milter: it sends one message through any filter and
// shows what was negotiated, every answer, the modifications and the message
// as it would be delivered.
//
//	probe -milter inet:9000@127.0.0.1 -from a@example.org -rcpt b@example.net message.eml
//
// The exit status is 0 whatever the filter's verdict, 1 if the filter cannot
// be reached or breaks the protocol, and 2 for wrong arguments.
package main
