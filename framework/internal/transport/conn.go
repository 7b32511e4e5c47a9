package transport

import (
	"errors"
	"io"
	"net"
	"os"
	"time"

	"github.com/sluicemail/sluice/wire"
)

// flushThreshold is the number of collected bytes at which Conn sends them, even
// if more frames of the MTA are waiting.
const flushThreshold = 64 << 10

// Conn is a connection to an MTA. All methods but Close and PeerGone must be called
// by one goroutine at a time.
type Conn struct {
	conn net.Conn
	cfg  *Config
	dec  *wire.Decoder
	sock *socket // below conn, or nil

	out      []byte   // to be written
	vec      [][]byte // to be written before out[gathered:]; holds parts of out
	gathered int

	broken   error // why nothing can be written any more
	detached bool  // Detach was called
	poison   bool
	release  bool // release memory before the next frame

	idle       bool      // no message is open
	beforeWait func()    // arm, bound once
	onWait     func()    // of OnWait, or nil
	reads      uint64    // that returned data
	deciding   bool      // the deadline of the current read is not decided yet
	until      time.Time // the deadline of the current read
	inGrace    bool      // until is the end of the grace of a server that shuts down
	armed      time.Time // the read deadline in force, at most about as late
	since      time.Time // when an incomplete frame was first waited for
}

// New returns a connection to the MTA at the other end of conn.
func New(conn net.Conn, cfg *Config) *Conn {
	c := &Conn{conn: conn, cfg: cfg, dec: wire.NewDecoder(cfg.Pool, cfg.Limit)}
	c.sock = newSocket(conn, c.dec, cfg.Write)
	c.beforeWait = c.arm
	return c
}

// Poison makes the connection overwrite lent bytes as soon as it takes them back, so
// that a test detects code that retained them.
func (c *Conn) Poison() {
	c.poison = true
	c.dec.Poison()
}

// OnWait makes Next call fn before it waits for the MTA, and before it sends what was
// collected.
func (c *Conn) OnWait(fn func()) { c.onWait = fn }

// Reads returns the number of reads that returned data.
func (c *Conn) Reads() uint64 { return c.reads }

// SetLimit changes the largest length that a frame may announce.
func (c *Conn) SetLimit(limit int) { c.dec.SetLimit(limit) }

// RemoteAddr returns the address of the MTA's end.
func (c *Conn) RemoteAddr() net.Addr { return c.conn.RemoteAddr() }

// First returns the first frame, which must arrive within the timeout. It is valid
// until the next call of Next.
func (c *Conn) First(timeout time.Duration) (wire.Frame, error) {
	c.idle, c.until = true, time.Now().Add(timeout)
	c.setReadDeadline()
	for {
		f, ok, err := c.dec.Next()
		if err != nil {
			return f, notMilter(c.dec.Rest(), err)
		}
		if ok {
			return f, nil
		}
		n, err := c.read(func() {})
		switch {
		case n > 0:
		case c.dec.Buffered() == 0 && errors.Is(err, io.EOF):
			return f, ErrProbe
		case !errors.Is(err, os.ErrDeadlineExceeded):
			return f, c.named(err)
		case c.cfg.Drain.exceeded(c.until, c.cfg.DrainGrace):
			return f, ErrDrained
		default:
			return f, ErrNoOffer
		}
	}
}

// Next returns the next frame, which is valid until the next call. Before it waits
// for the MTA it sends what was collected. idle tells that no message is open, so
// that the connection may be closed when the server shuts down.
func (c *Conn) Next(idle bool) (wire.Frame, error) {
	c.shrink()
	for {
		f, ok, err := c.dec.Next()
		if ok || err != nil {
			c.since = time.Time{}
			if len(c.out) >= flushThreshold && err == nil {
				err = c.Flush()
			}
			return f, err
		}
		if c.onWait != nil {
			c.onWait()
		}
		if err := c.Flush(); err != nil {
			return wire.Frame{}, err
		}
		if err := c.fill(idle); err != nil {
			return wire.Frame{}, err
		}
	}
}

// fill reads once. If the read deadline in force passes, that need not be the end:
// it is often earlier than the deadline of this read, it may have passed before the
// read, and Shutdown sets one to wake the connection.
func (c *Conn) fill(idle bool) error {
	c.idle, c.deciding = idle, true
	for {
		n, err := c.read(c.beforeWait)
		switch {
		case n > 0:
			return nil
		case !errors.Is(err, os.ErrDeadlineExceeded):
			return c.named(err)
		case c.deciding:
			c.arm()
			c.setReadDeadline()
		case idle && c.drained():
			return ErrDrained
		case time.Now().Before(c.until):
			c.setReadDeadline()
		case c.dec.Buffered() > 0:
			return ErrSlow
		default:
			return ErrIdle
		}
	}
}

// named returns an error that says why the connection ended, if err is only what the
// system reports of that.
func (c *Conn) named(err error) error {
	switch {
	case err == nil:
		return nil
	case errors.Is(err, os.ErrDeadlineExceeded):
		return ErrSlowPeer
	case c.cfg.Drain.closed.Load() && (errors.Is(err, net.ErrClosed) || errors.Is(err, io.ErrClosedPipe)):
		return ErrClosed
	default:
		return err
	}
}

// read reads once into the decoder. It calls beforeWait before it waits.
func (c *Conn) read(beforeWait func()) (n int, err error) {
	if c.sock != nil {
		n, err = c.sock.fill(c.idle, beforeWait)
	} else {
		beforeWait()
		n, err = c.dec.Fill(c.conn)
	}
	if n > 0 {
		c.reads++
	}
	return n, err
}

// drained reports whether the grace of an idle connection is over. The grace counts
// from the start of the read if the shutdown began before that, and otherwise from the
// start of the shutdown.
func (c *Conn) drained() bool {
	now := time.Now()
	if c.inGrace {
		return !now.Before(c.until)
	}
	return c.cfg.Drain.exceeded(now, c.cfg.DrainGrace)
}

// arm decides the deadline of the current read, and sets it if the one in force is
// later. An earlier one does no harm: so deadlines are set once in a while and not
// for every read. An incomplete frame has its own deadline, counted from when it was
// first waited for. The decision holds until the read returns data.
func (c *Conn) arm() {
	if !c.deciding {
		return
	}
	c.deciding = false
	now := time.Now()
	limit, partial := c.cfg.Idle, c.dec.Buffered() > 0
	c.inGrace = c.idle && !partial && c.cfg.Drain.Begun()
	if c.inGrace {
		limit = min(limit, c.cfg.DrainGrace)
	}
	c.until = now.Add(limit)
	if partial {
		if c.since.IsZero() {
			c.since = now
		}
		c.until = c.since.Add(c.cfg.Frame)
	}
	if c.armed.IsZero() || c.armed.After(c.until) {
		c.setReadDeadline()
	}
}

// setReadDeadline sets the deadline. Shutdown may just have set an earlier
// deadline, which this call would overwrite. Shutdown begins the drain before it
// sets the deadline, so setReadDeadline can detect that and set the earlier
// deadline again.
func (c *Conn) setReadDeadline() {
	c.armed = c.until
	_ = c.conn.SetReadDeadline(c.armed)
	grace := time.Now().Add(c.cfg.DrainGrace)
	if c.idle && c.cfg.Drain.Begun() && grace.Before(c.armed) {
		c.armed = grace
		_ = c.conn.SetReadDeadline(c.armed)
	}
}

// AvailableBuffer returns an empty slice with some capacity. The caller appends to
// it and passes it to the next call of Append.
func (c *Conn) AvailableBuffer() []byte { return c.out[len(c.out):] }

// Append collects frames to be sent with the next Flush.
func (c *Conn) Append(frames []byte) {
	if !c.detached {
		c.out = append(c.out, frames...)
	}
}

// AppendCode collects a frame that consists of a code only.
func (c *Conn) AppendCode(code byte) {
	if !c.detached {
		c.out = append(c.out, 0, 0, 0, 1, code)
	}
}

// Flush sends what was collected, in one write. After an error the MTA may have
// received a part of it; Flush returns the same error from then on.
func (c *Conn) Flush() error {
	if len(c.out) == 0 || c.broken != nil || c.detached {
		return c.broken
	}
	if c.sock != nil && len(c.vec) == 0 {
		c.broken = c.sock.write(c.out)
	} else {
		c.broken = c.writeAll()
	}
	c.broken = c.named(c.broken)
	clear(c.vec)
	c.out, c.vec, c.gathered = c.out[:0], c.vec[:0], 0
	return c.broken
}

// writeAll writes pieces of memory that are not adjacent, with one system call where
// the system has one for that.
func (c *Conn) writeAll() (err error) {
	_ = c.conn.SetWriteDeadline(time.Now().Add(c.cfg.Write))
	if len(c.vec) == 0 {
		_, err = c.conn.Write(c.out)
	} else {
		pieces := net.Buffers(append(c.vec, c.out[c.gathered:]))
		_, err = pieces.WriteTo(c.conn)
	}
	_ = c.conn.SetWriteDeadline(time.Time{})
	if c.sock != nil {
		c.sock.sent()
	}
	return err
}

// ReleaseMemory makes the next call of Next give back the memory that an idle
// connection does not need.
func (c *Conn) ReleaseMemory() { c.release = true }

func (c *Conn) shrink() {
	if !c.release {
		return
	}
	c.release = false
	const usual = 16 << 10
	if cap(c.out) > usual && c.Flush() == nil {
		c.out = nil
	}
	c.dec.Release()
}

// Reclaim takes back bytes that were lent to a filter.
func (c *Conn) Reclaim(lent []byte) {
	if c.poison && !c.detached {
		wire.Poison(lent)
	}
}

// PeerGone reports whether the MTA has closed the connection. It does not read from
// the connection, and returns false if the system cannot tell without reading.
func (c *Conn) PeerGone() bool { return peerGone(c.conn) }

// Detach hands the connection over to the caller, who must close it. The result
// first returns the bytes that were read and not returned as frames. The Conn
// sends nothing any more.
func (c *Conn) Detach() net.Conn {
	c.detached = true
	return &detachedConn{Conn: c.conn, unread: c.dec.Rest()}
}

// Detached reports whether Detach was called.
func (c *Conn) Detached() bool { return c.detached }

// HangUp sends what was collected and closes the connection, unless it was detached.
func (c *Conn) HangUp() {
	if c.detached {
		return
	}
	_ = c.Flush()
	_ = c.conn.Close()
}

// Close closes the connection, a detached one too. It may be called at any time.
func (c *Conn) Close() error { return c.conn.Close() }
