// Package loglimit bounds the log lines that a peer can cause, so that no peer fills the
// log. A [Limiter] counts lines by peer, kind and minute. It drops lines beyond a limit,
// and writes their number when the minute ends.
package loglimit
