// Package mta implements the MTA's side of a milter session, for tests of
// filters and for tools that consult a filter.
//
// A [Conn] is one connection to a filter. [Dial] takes an address in the
// notation of MTAs, and [NewConn] takes any [net.Conn]. [Config] selects the
// MTA to imitate: its offer and its quirks.
//
// There are two ways to use a connection. [Conn.Send] sends a whole [Message]
// to the filter, in the order and with the macros of an MTA. It returns an
// [Outcome] with every reply and with the message as the MTA would deliver it.
// The methods named after stages, such as [Conn.Mail], send one event each.
// Both omit events that the filter has declined, and wait only for replies that
// are due. Both buffer the commands before such a reply and send them in one
// write, as Postfix does.
//
// A filter that breaks the protocol causes a *[wire.ProtocolError]. No filter
// can make the package panic, wait longer than [Config] allows, or keep more
// data than it allows.
package mta
