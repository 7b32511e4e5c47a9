// Package mta plays the MTA's side of a milter session, for tests of filters
// and for tools that consult a filter.
//
// [Conn] is one connection. [Dial] takes an address as MTAs write it, and
// [NewConn] any [net.Conn]. [Config] says which MTA is played: what it offers
// and where it differs from others.
//
// There are two ways to talk to the filter. [Conn.Send] runs a whole
// [Message] through it in the order of an MTA, with the macros that an MTA
// sends, and returns an [Outcome] with every answer and the message as it
// is delivered. The methods named after the stages, such as [Conn.Mail], send
// one event each. Both leave out what the filter does not want, wait only
// where an answer is due, and gather what goes before into one write, as
// Postfix does.
//
// A filter that breaks the protocol is a *[wire.ProtocolError]. No filter
// makes the package panic, wait longer than [Config] says, or keep more than
// it says.
package mta
