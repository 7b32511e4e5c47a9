package framework

import (
	"context"
	"errors"
	"net"
	"os"
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
	sock *socket // below conn, or nil
	watch

	out      []byte   // what is to be written
	vec      [][]byte // what goes before out[gathered:], parts of out among it
	gathered int

	broken error // why nothing can be written any more
	roomy  bool  // memory may be given back before the next frame

	counters *counters
	drain    *drain
	between  bool      // no message is under way
	wait     func()    // armRead, bound once
	waited   bool      // until is of the read that is under way
	until    time.Time // when reading is to end
	armed    time.Time // the read deadline in force, at most about as late
	since    time.Time // when an incomplete frame was first waited for
}

func newLink(base context.Context, conn net.Conn, name string, cfg *Config, pool *wire.BufferPool, drain *drain) *link {
	l := &link{
		conn: conn, peer: name, cfg: cfg, base: base,
		dec: wire.NewDecoder(pool, frameLimit), drain: drain,
	}
	l.sock = newSocket(conn, l.dec, cfg.WriteTimeout)
	l.wait = l.armRead
	if cfg.PoisonLent {
		l.dec.Poison()
	}
	return l
}

// frameLimit is the most that a frame may announce. libmilter's limit is half
// of it. Postfix sends a field in one frame, and takes fields of 102,400 bytes by
// default; 3.7 cuts them at 60,000 for filters, but not by a promise.
const frameLimit = 128 << 10

// pile is how much is gathered at most before it is sent, beside the last
// answer, though the MTA has asked for more already.
const pile = 64 << 10

// errIdle ends a session that stayed idle beyond its deadline.
var errIdle = errors.New("framework: the MTA was silent for too long")

// errSlow ends a session whose MTA did not come to the end of a command.
var errSlow = errors.New("framework: a command took the MTA too long to send")

// errDrained ends a session that is idle while the server shuts down.
var errDrained = errors.New("framework: the server is shutting down")

// next returns the next frame. Before it waits for the MTA it sends all that
// is to be sent. between tells that no message is under way.
func (l *link) next(between bool) (wire.Frame, error) {
	l.shrink()
	for {
		f, ok, err := l.dec.Next()
		if ok || err != nil {
			l.since = time.Time{}
			if len(l.out) >= pile && err == nil {
				err = l.flush()
			}
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

// fill reads once. A deadline that passed is looked at again: it is often
// earlier than reading is to end, it may have passed while nobody read, and
// Shutdown moves it to wake the session.
func (l *link) fill(between bool) error {
	l.between, l.waited = between, false
	for {
		n, err := l.read(l.wait)
		switch {
		case n > 0:
			return nil
		case !errors.Is(err, os.ErrDeadlineExceeded):
			return err
		case !l.waited:
			l.armRead()
			l.setRead()
		case between && l.drained():
			return errDrained
		case time.Now().Before(l.until):
			l.setRead()
		case l.dec.Buffered() > 0:
			return errSlow
		default:
			return errIdle
		}
	}
}

// read reads once into the decoder. It calls wait before it waits.
func (l *link) read(wait func()) (int, error) {
	if l.sock != nil {
		return l.sock.fill(l.between, wait)
	}
	wait()
	return l.dec.Fill(l.conn)
}

// drained reports whether an idle session has had its grace since Shutdown. A
// session that began to read before has a later deadline of its own, and is
// woken by the one that Shutdown sets; or just before that, by an older one.
func (l *link) drained() bool {
	now, grace := time.Now(), l.cfg.DrainGrace
	if l.until.After(now.Add(grace)) {
		return l.drain.over(now, grace)
	}
	return l.drain.on() && !now.Before(l.until)
}

// armRead decides how long to wait, and sets the deadline where the one in
// force is too late for that. One that is too early does no harm, and so a
// deadline is set once in a while, not once for every read. A frame that is
// incomplete has a deadline of its own, counted from when it was first waited
// for. What is decided holds until the read brings something.
func (l *link) armRead() {
	if l.waited {
		return
	}
	l.waited = true
	now := time.Now()
	limit := l.cfg.IdleTimeout
	if l.between && l.drain.on() {
		limit = min(limit, l.cfg.DrainGrace)
	}
	l.until = now.Add(limit)
	if l.dec.Buffered() > 0 {
		if l.since.IsZero() {
			l.since = now
		}
		l.until = l.since.Add(l.cfg.FrameTimeout)
	}
	if l.armed.IsZero() || l.armed.After(l.until) {
		l.setRead()
	}
}

// setRead sets the deadline. Shutdown may have set its own just before: it
// tells so first, so that it can be set once more.
func (l *link) setRead() {
	l.armed = l.until
	_ = l.conn.SetReadDeadline(l.armed)
	grace := time.Now().Add(l.cfg.DrainGrace)
	if l.between && l.drain.on() && grace.Before(l.armed) {
		l.armed = grace
		_ = l.conn.SetReadDeadline(l.armed)
	}
}

// shrink gives back memory, after a message, that an idle connection does not
// need.
func (l *link) shrink() {
	if !l.roomy {
		return
	}
	l.roomy = false
	const usual = 16 << 10
	if cap(l.out) > usual && l.flush() == nil {
		l.out = nil
	}
	l.dec.Release()
}

// reclaim takes back bytes that were lent to a handler.
func (l *link) reclaim(lent []byte) {
	if l.cfg.PoisonLent && !l.abandoned {
		wire.Poison(lent)
	}
}

// hangUp says what is still to be said, and closes the connection, unless it
// is the caretaker's.
func (l *link) hangUp() {
	if l.abandoned {
		return
	}
	_ = l.flush()
	_ = l.conn.Close()
}
