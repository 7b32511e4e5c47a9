package framework

import (
	"context"
	"errors"
	"net"
	"os"
	"sync/atomic"
	"time"

	"github.com/sluicemail/sluice/wire"
)

// link is the connection to the MTA below a session: it reads frames, gathers
// what is to be written, and keeps the deadlines.
type link struct {
	conn net.Conn
	peer string
	cfg  *Config
	base context.Context
	dec  *wire.Decoder
	ack  func() // acknowledges what was read, see quickAck
	watch

	out      []byte   // what is to be written
	vec      [][]byte // what goes before out[gathered:], parts of out among it
	gathered int

	draining *atomic.Bool
	until    time.Time // the read deadline in force
	armedAt  time.Time // when it was set
	wroteAt  time.Time // when the write deadline was set
	since    time.Time // when the incomplete frame was first seen
	partial  int       // reads in a row that completed no frame
}

func newLink(base context.Context, conn net.Conn, name string, cfg *Config, pool *wire.BufferPool, draining *atomic.Bool) *link {
	l := &link{
		conn: conn, peer: name, cfg: cfg, base: base,
		dec: wire.NewDecoder(pool, frameLimit), ack: quickAck(conn), draining: draining,
	}
	if cfg.PoisonLent {
		l.dec.Poison()
	}
	return l
}

// frameLimit is the most that a frame may announce. libmilter's limit is half
// of it, and ends the session of a message whose header field Postfix takes: its
// header_size_limit is 102,400 bytes.
const frameLimit = 128 << 10

// errIdle ends a session that stayed idle beyond its deadline.
var errIdle = errors.New("framework: the MTA was silent for too long")

// errDrained ends a session that is idle while the server shuts down.
var errDrained = errors.New("framework: the server is shutting down")

// next returns the next frame. Before it waits for the MTA it sends all that
// is to be sent. between tells that no message is under way.
func (l *link) next(between bool) (wire.Frame, error) {
	for {
		f, ok, err := l.dec.Next()
		if ok || err != nil {
			l.partial = 0
			return f, err
		}
		if err := l.flush(); err != nil {
			return wire.Frame{}, err
		}
		if err := l.fill(between); err != nil {
			return wire.Frame{}, err
		}
	}
}

// fill reads once. A deadline that passed is looked at again: it may have been
// moved to wake a session that is not idle at all.
func (l *link) fill(between bool) error {
	if l.dec.Buffered() > 0 {
		l.partial++
	}
	for {
		l.armRead(between)
		n, err := l.dec.Fill(l.conn)
		if n > 0 {
			l.ack()
			return nil
		}
		if !errors.Is(err, os.ErrDeadlineExceeded) {
			return err
		}
		if between && l.draining.Load() {
			return errDrained
		}
		if !time.Now().Before(l.until) {
			return errIdle
		}
		l.armedAt = time.Time{}
	}
}

// armRead sets the read deadline, seldom: it is left alone while the one in
// force is about right. A frame that does not come to its end has a deadline of
// its own, counted from its first bytes.
func (l *link) armRead(between bool) {
	now := time.Now()
	limit := l.cfg.IdleTimeout
	if between && l.draining.Load() {
		limit = min(limit, l.cfg.DrainGrace)
	}
	until := now.Add(limit)
	switch {
	case l.partial == 1:
		l.since = now
	case l.partial > 1:
		until = l.since.Add(l.cfg.FrameTimeout)
	}
	if off := until.Sub(l.until).Abs(); !l.armedAt.IsZero() && off <= limit/32 && l.partial < 2 {
		return
	}
	l.until, l.armedAt = until, now
	_ = l.conn.SetReadDeadline(until)
}

// armWrite sets the write deadline, seldom.
func (l *link) armWrite() {
	now := time.Now()
	if !l.wroteAt.IsZero() && now.Sub(l.wroteAt) < l.cfg.WriteTimeout/2 {
		return
	}
	l.wroteAt = now
	_ = l.conn.SetWriteDeadline(now.Add(l.cfg.WriteTimeout))
}

// shrink gives back memory that an ordinary message does not need.
func (l *link) shrink() {
	const usual = 16 << 10
	if cap(l.out) > usual {
		_ = l.flush()
		l.out = nil
	}
	l.dec.Release()
}
