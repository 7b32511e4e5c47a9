//go:build integration

package attack_test

import (
	"bytes"
	"fmt"
	"slices"
	"strings"

	"github.com/sluicemail/sluice/wire"
)

// dataMutations change what a frame contains.
func dataMutations() []mutation {
	data := func(change func(*script, []byte) []byte) func(*script) {
		return func(s *script) {
			s.rest = slices.Clone(s.rest)
			for i := range s.rest {
				s.rest[i].Data = change(s, s.rest[i].Data)
				if oneIn(s.rnd, 2) {
					break
				}
			}
		}
	}
	return []mutation{
		{"any letter", 24, func(s *script) {
			for range 1 + s.rnd.IntN(3) {
				s.insert(wire.Frame{Code: byte(s.rnd.IntN(256)), Data: []byte(pick(s.rnd, "", "x", "a\x00b\x00", "<a@example.org>\x00"))})
			}
		}},
		{"a letter changed", 8, func(s *script) {
			s.rest = slices.Clone(s.rest)
			if len(s.rest) > 0 {
				s.rest[0].Code = pick(s.rnd, []byte("ABCDEHKLMNOQRTU")...)
			}
		}},
		{"no NUL", 8, data(func(_ *script, d []byte) []byte { return bytes.ReplaceAll(d, []byte{0}, nil) })},
		{"no NUL at the end", 8, data(func(_ *script, d []byte) []byte { return bytes.TrimRight(d, "\x00") })},
		{"more NULs", 8, data(func(s *script, d []byte) []byte {
			at := s.rnd.IntN(len(d) + 1)
			return slices.Concat(d[:at], make([]byte, 1+s.rnd.IntN(5)), d[at:])
		})},
		{"no data", 8, data(func(*script, []byte) []byte { return nil })},
		{"the data twice", 4, data(func(_ *script, d []byte) []byte { return slices.Concat(d, d) })},
		{"odd data", 8, data(func(s *script, d []byte) []byte {
			return slices.Concat(d, []byte(pick(s.rnd, "\r\n.\r\n\x00", "\x1b]0;x\x07\x00", "\xff\xfe\x00", "\u202e\x00", "%s%n\x00", "<>\x00")))
		})},
		{"odd macros", 12, func(s *script) {
			for range 1 + s.rnd.IntN(4) {
				s.insert(wire.Frame{Code: byte(wire.CmdMacro), Data: []byte(pick(s.rnd,
					"", "M", "Mi", "Mi\x00", "M\x00\x00", "Mi\x00A\x00j\x00", "Z{x}\x00y\x00", "\x00", "R{rcpt_mailer}\x00error\x00", "D{x}\x00y\x00",
					"O{x}\x00y\x00", "Cv\x00Sendmail\x00", "C{\x00}\x00", "E{{{i}}}\x00A\x00", "Li\x00"+strings.Repeat("A", 5000)+"\x00"))})
			}
		}},
	}
}

// sizeMutations send many frames or large ones, often in the state in which they
// are valid. Seven of eight send a tenth, so that the attack does not take long.
func sizeMutations() []mutation {
	many := func(most int, command func(i int) wire.Command) func(*script) {
		return func(s *script) {
			s.beginBefore(command(0).CommandCode())
			frames := make([]wire.Frame, s.size(most))
			for i := range frames {
				frames[i] = frame(command(i))
			}
			s.insert(frames...)
		}
	}
	return []mutation{
		{"many header fields", 2, many(12_000, func(i int) wire.Command {
			return &wire.Header{Name: fmt.Appendf(nil, "X-%d", i), Value: []byte("1")}
		})},
		{"many fields of a name", 2, many(5000, func(int) wire.Command {
			return &wire.Header{Name: []byte("DKIM-Signature"), Value: []byte("v=1; a=rsa-sha256; d=example.org; s=s; h=from; bh=AA; b=AA")}
		})},
		{"a large header", 2, many(80, func(int) wire.Command {
			return &wire.Header{Name: []byte("X"), Value: bytes.Repeat([]byte("y"), 60_000)}
		})},
		{"a large body", 2, many(60, func(int) wire.Command {
			return &wire.Body{Chunk: bytes.Repeat([]byte("line\r\n"), 10_000)}
		})},
		{"many recipients", 2, many(12_000, func(i int) wire.Command {
			return &wire.Rcpt{Recipient: fmt.Appendf(nil, "<r%d@example.net>", i)}
		})},
		{"many arguments", 2, many(20, func(int) wire.Command {
			return &wire.Mail{Sender: []byte("<a@example.org>"), Args: slices.Repeat([][]byte{[]byte("A")}, 2000)}
		})},
		{"large macros", 2, many(20, func(i int) wire.Command {
			return &wire.Macro{For: withMacros(i), List: fmt.Appendf(nil, "{m%d}\x00%s\x00", i, strings.Repeat("v", 30_000))}
		})},
		{"many messages", 2, func(s *script) {
			s.beginBefore(wire.CmdMail)
			s.insert(slices.Repeat(s.session.frames[s.session.mail:s.session.end], s.size(60))...)
		}},
		{"many commands unknown", 2, many(3000, func(int) wire.Command { return &wire.Unknown{Line: []byte("XYZZY")} })},
		{"frames as large as can be", 4, func(s *script) {
			code := pick(s.rnd, []byte("ABCDEHKLMNRTU")...)
			s.insert(wire.Frame{Code: code, Data: bytes.Repeat([]byte(pick(s.rnd, "\x00", "x", "x\x00")), wire.MaxBodyChunk)[:wire.MaxBodyChunk]})
		}},
	}
}

// beginBefore makes the rest begin at the first frame with a code, in three of four
// cases and if there is one.
func (s *script) beginBefore(code wire.CommandCode) {
	at := slices.IndexFunc(s.session.frames, func(f wire.Frame) bool { return wire.CommandCode(f.Code) == code })
	if at > 0 && !oneIn(s.rnd, 4) {
		s.begin(at)
	}
}

// withMacros returns the i-th command that has macros, in a cycle.
func withMacros(i int) wire.CommandCode {
	return [...]wire.CommandCode{wire.CmdConnect, wire.CmdHelo, wire.CmdMail, wire.CmdRcpt, wire.CmdBodyEOB}[i%5]
}

// size returns about the given number, or in seven of eight cases a random number
// up to a tenth of it.
func (s *script) size(most int) int {
	if oneIn(s.rnd, 8) {
		return most - s.rnd.IntN(most/8)
	}
	return 1 + s.rnd.IntN(most/10)
}

// offerMutations change the negotiation.
func offerMutations() []mutation {
	instead := func(begin func(*script) []byte) func(*script) {
		return func(s *script) {
			s.begin(1)
			s.mangle(func(b []byte) []byte { return append(begin(s), b...) })
			s.at = 0
		}
	}
	text := func(texts ...string) func(*script) {
		return instead(func(s *script) []byte { return []byte(pick(s.rnd, texts...)) })
	}
	return []mutation{
		{"a random offer", 24, func(s *script) {
			n := wire.Negotiate{
				Version:  pick(s.rnd, 2, 3, 4, 5, 6, 6, 6, 7, 8, s.rnd.Uint32()),
				Actions:  wire.Actions(pick(s.rnd, s.rnd.Uint32(), s.rnd.Uint32()&0x1ff, 0x1ff, 0)),
				Protocol: wire.Protocol(pick(s.rnd, s.rnd.Uint32(), s.rnd.Uint32()&0x1fffff, 0x1fffff, 0)),
			}
			s.session.frames[0] = frame(&n)
			s.begin(1)
		}},
		{"an offer cut short", 4, func(s *script) {
			s.begin(0)
			s.rest = slices.Clone(s.rest)
			s.rest[0].Data = s.rest[0].Data[:s.rnd.IntN(12)]
		}},
		{"an offer with more", 4, func(s *script) {
			s.session.frames[0].Data = append(slices.Clone(s.session.frames[0].Data), make([]byte, 1+s.rnd.IntN(100))...)
			s.begin(1)
		}},
		{"a second offer", 8, func(s *script) { s.insert(s.session.frames[0]) }},
		{"no offer", 4, text("")},
		{"another protocol", 4, text("GET / HTTP/1.1\r\nHost: x\r\n\r\n", "EHLO x\r\n", "\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03", "SSH-2.0-x\r\n", "PROXY TCP4 192.0.2.1 192.0.2.2 1 2\r\n")},
		{"a frame before the offer", 4, instead(func(s *script) []byte {
			return encode([]wire.Frame{s.session.frames[s.rnd.IntN(len(s.session.frames))], s.session.frames[0]})
		})},
	}
}

// endMutations leave the frames as they are, and end the connection.
func endMutations() []mutation {
	end := func(e ending) func(*script) {
		return func(s *script) {
			s.rest = s.rest[:min(len(s.rest), s.rnd.IntN(3))]
			s.ending = e
		}
	}
	return []mutation{
		{"end: half closed", 8, end(halfClosed)},
		{"end: closed", 8, end(closed)},
		{"end: reset", 8, end(reset)},
		{"end: held", 4, end(held)},
		{"never reads", 8, neverRead},
		{"byte by byte", 8, func(s *script) { s.delivery = dribble }},
		{"in fragments", 8, func(s *script) { s.delivery = fragments }},
	}
}

// neverRead makes a connection begin a session, send small messages, and read
// nothing.
func neverRead(s *script) {
	s.begin(s.session.mail)
	s.neverReads, s.ending = true, pick(s.rnd, closed, reset, held)
	s.rest = []wire.Frame{
		frame(&wire.Mail{Sender: []byte("<a@example.org>")}), frame(&wire.Rcpt{Recipient: []byte("<b@example.net>")}), frame(&wire.EndOfBody{}),
	}
}
