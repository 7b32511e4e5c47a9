// Package transport is the connection to an MTA below a milter session: it reads
// frames, collects what is to be written, and keeps the deadlines. It knows frames
// and bytes, and nothing of sessions or filters.
//
// A [Conn] belongs to one goroutine. It sends what was collected when no complete
// frame is left to read, so that the answers to pipelined commands leave in one
// write. It sets deadlines and asks for TCP acknowledgements only before a read that
// has to wait, so that a session without waits does not pay for them.
package transport
