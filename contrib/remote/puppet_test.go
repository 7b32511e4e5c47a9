package remote_test

import (
	"net"
	"slices"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/sluicemail/sluice/wire"
)

// puppet is a milter that does what a test says.
type puppet struct {
	// answer is the answer to the negotiation. Bits that were not offered are left
	// out, unless stubborn is set.
	answer   wire.Negotiate
	stubborn bool
	// reply returns the frames that answer a command, and whether the puppet goes on.
	// Nil means that it continues at each command.
	reply func(wire.Frame) (frames []byte, goOn bool)
	// offered is what the puppet does at the offer of a negotiation instead of answering it,
	// if not nil.
	offered func() (frames []byte, goOn bool)
	// aborted is what the puppet does at the end of a message that was aborted, if not nil.
	aborted func() (frames []byte, goOn bool)

	conns atomic.Int64 // that were accepted
	mu    sync.Mutex
	seen  []*[]string // by connection, without macros
}

// frame returns an encoded reply.
func frame(t *testing.T, r wire.Reply) []byte {
	t.Helper()
	b, err := r.Encode(nil)
	require.NoError(t, err)
	return b
}

// bare returns a reply without data.
func bare(code wire.ReplyCode) []byte { return wire.AppendFrame(nil, wire.Frame{Code: byte(code)}) }

// start serves the puppet until the test ends, and returns its address.
func (p *puppet) start(t *testing.T) string {
	t.Helper()
	return listen(t, func(conn net.Conn) {
		p.conns.Add(1)
		p.serve(conn)
	})
}

// commands returns what the puppet was sent on its last connection, without macros.
func (p *puppet) commands() []string {
	p.mu.Lock()
	defer p.mu.Unlock()
	if len(p.seen) == 0 {
		return nil
	}
	return slices.Clone(*p.seen[len(p.seen)-1])
}

func (p *puppet) serve(conn net.Conn) {
	var pool wire.BufferPool
	dec := wire.NewDecoder(&pool, wire.Limit1M)
	seen := new([]string)
	p.mu.Lock()
	p.seen = append(p.seen, seen)
	p.mu.Unlock()
	for {
		f, ok, err := dec.Next()
		if err != nil {
			return
		}
		if !ok {
			if n, err := dec.Fill(conn); n == 0 && err != nil {
				return
			}
			continue
		}
		frames, goOn := p.handle(f, seen)
		if len(frames) > 0 {
			if _, err := conn.Write(frames); err != nil {
				return
			}
		}
		if !goOn {
			return
		}
	}
}

func (p *puppet) handle(f wire.Frame, seen *[]string) (frames []byte, goOn bool) {
	code := wire.CommandCode(f.Code)
	if code != wire.CmdMacro {
		p.mu.Lock()
		*seen = append(*seen, code.String()+" "+string(f.Data))
		p.mu.Unlock()
	}
	switch code {
	case wire.CmdOptNeg:
		if p.offered != nil {
			return p.offered()
		}
		return p.negotiate(f.Data)
	case wire.CmdAbort:
		if p.aborted != nil {
			return p.aborted()
		}
		return nil, true
	case wire.CmdMacro, wire.CmdQuitNC:
		return nil, true
	case wire.CmdQuit:
		return nil, false
	}
	if p.reply != nil {
		return p.reply(f)
	}
	if p.silent(code) {
		return nil, true
	}
	return bare(wire.RepContinue), true
}

// silent reports whether the puppet negotiated not to answer a command.
func (p *puppet) silent(code wire.CommandCode) bool {
	nr := map[wire.CommandCode]wire.Protocol{
		wire.CmdConnect: wire.ProtoNRConn, wire.CmdHelo: wire.ProtoNRHelo, wire.CmdMail: wire.ProtoNRMail,
		wire.CmdRcpt: wire.ProtoNRRcpt, wire.CmdData: wire.ProtoNRData, wire.CmdHeader: wire.ProtoNRHdr,
		wire.CmdEOH: wire.ProtoNREOH, wire.CmdBody: wire.ProtoNRBody, wire.CmdUnknown: wire.ProtoNRUnkn,
	}[code]
	return nr != 0 && p.answer.Protocol.Has(nr)
}

func (p *puppet) negotiate(data []byte) (frames []byte, goOn bool) {
	var offer wire.Negotiate
	if offer.DecodeOffer(data) != nil {
		return nil, false
	}
	answer := p.answer
	if answer.Version == 0 {
		answer.Version = wire.MaxVersion
	}
	if !p.stubborn {
		answer.Version = min(answer.Version, offer.Version)
		answer.Actions &= offer.Actions
		answer.Protocol &= offer.Protocol
	}
	frames, err := answer.Encode(nil)
	return frames, err == nil
}
