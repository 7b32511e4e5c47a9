package main

import (
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"hash"

	"github.com/sluicemail/sluice/wire"
)

// responder parses the bytes of one connection and collects the replies.
type responder struct {
	*part
	head [wire.HeaderLen]byte
	have int // bytes received of the head
	left int // bytes of data that remain
	out  []byte
	hash hash.Hash
	sum  [sha256.Size]byte
}

func newResponder(p *part) *responder {
	r := &responder{part: p}
	if p.hashes {
		r.hash = sha256.New()
	}
	return r
}

// feed processes bytes that were read and appends the replies to r.out. It
// returns false if the MTA has quit.
func (r *responder) feed(p []byte) bool {
	for len(p) > 0 {
		if r.have < wire.HeaderLen {
			n := copy(r.head[r.have:], p)
			r.have += n
			p = p[n:]
			if r.have < wire.HeaderLen {
				return true
			}
			r.left = int(binary.BigEndian.Uint32(r.head[:])) - 1
		}
		n := min(r.left, len(p))
		if r.hash != nil && r.head[4] == byte(wire.CmdBody) {
			r.hash.Write(p[:n])
		}
		r.left -= n
		p = p[n:]
		if r.left > 0 {
			return true
		}
		r.have = 0
		if !r.reply(wire.CommandCode(r.head[4])) {
			return false
		}
	}
	return true
}

func (r *responder) reply(code wire.CommandCode) bool {
	switch code {
	case wire.CmdOptNeg:
		r.out = append(r.out, r.hello...)
	case wire.CmdQuit:
		return false
	case wire.CmdBodyEOB:
		r.end()
	case wire.CmdMacro, wire.CmdAbort, wire.CmdQuitNC:
	default:
		if r.answers {
			r.out = append(r.out, 0, 0, 0, 1, byte(wire.RepContinue))
		}
	}
	return true
}

// end appends the replies to the end of the message. Only the digest differs
// between messages.
func (r *responder) end() {
	at := len(r.out)
	r.out = append(r.out, r.verdict...)
	if r.hash != nil {
		r.hash.Sum(r.sum[:0])
		r.hash.Reset()
		hex.Encode(r.out[at+r.digestAt:], r.sum[:])
	}
}
