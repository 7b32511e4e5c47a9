//go:build integration

package attack_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"syscall"
	"time"

	"github.com/sluicemail/sluice/wire"
	"github.com/sluicemail/sluice/wire/mta"
)

// peer plays a script over a connection.
type peer struct {
	*script

	conn *checked
}

// play connects to a program and plays a script. The error is a fault of the
// program.
func (s *script) play(ctx context.Context, p *process, log *transcript) (blocked bool, err error) {
	conn, err := s.dial(ctx, p)
	if err != nil {
		return false, err
	}
	defer func() { _ = conn.Close() }()
	peer := &peer{script: s, conn: newChecked(conn, s.offer(), log)}
	if s.neverReads {
		blocked = peer.flood(50 * time.Millisecond)
		peer.end()
		return blocked, nil
	}
	return false, peer.exchange(ctx)
}

// offer returns the script's offer, or nil if it is not valid.
func (s *script) offer() *wire.Negotiate {
	offer := new(wire.Negotiate)
	if s.at == 0 || offer.DecodeOffer(s.session.frames[0].Data) != nil {
		return nil
	}
	return offer
}

// dial connects. A peer that never reads has a small buffer, so that the program
// notices it soon.
func (s *script) dial(ctx context.Context, p *process) (net.Conn, error) {
	dialer := net.Dialer{Timeout: patience}
	if s.neverReads && p.network == "tcp" {
		dialer.Control = func(_, _ string, raw syscall.RawConn) error {
			return raw.Control(func(fd uintptr) {
				_ = syscall.SetsockoptInt(int(fd), syscall.SOL_SOCKET, syscall.SO_RCVBUF, 4096)
			})
		}
	}
	return dialer.DialContext(ctx, p.network, p.address)
}

// flood sends small messages, without reading, until the program stops reading
// or the time is over. It reports whether the program stopped reading.
func (p *peer) flood(limit time.Duration) (blocked bool) {
	batch := bytes.Repeat(p.tail(), 500)
	stop, pause := time.Now().Add(limit), limit/4
	_, err := p.conn.Write(p.prefix())
	for err == nil && time.Now().Before(stop) {
		var n int
		_ = p.conn.SetWriteDeadline(time.Now().Add(pause))
		n, err = p.conn.Write(batch)
		if !errors.Is(err, os.ErrDeadlineExceeded) {
			continue
		}
		if n == 0 {
			return true
		}
		batch, err = append(batch[n:], batch[:n]...), nil
	}
	return false
}

// exchange plays the script while it reads what the program sends.
func (p *peer) exchange(ctx context.Context) error {
	if err := p.conn.SetDeadline(time.Now().Add(patience)); err != nil {
		return err
	}
	if p.lockstep {
		if err := p.sendInLockstep(ctx); err != nil {
			return err
		}
	}
	read := make(chan error, 1)
	go func() {
		_, err := io.Copy(io.Discard, onlyReader{p.conn})
		read <- err
	}()
	var err error
	if !p.lockstep {
		_, err = p.conn.Write(p.prefix())
	}
	if err == nil {
		err = p.deliver(p.tail())
	}
	if errors.Is(err, os.ErrDeadlineExceeded) {
		err = errors.New("the program does not read")
	} else {
		err = nil // the program may have ended the connection
	}
	p.end()
	readErr := <-read
	return errors.Join(err, p.verdict(readErr))
}

// onlyReader hides all methods of a connection but Read, so that each byte is
// checked.
type onlyReader struct{ io.Reader }

// sendInLockstep sends the valid beginning as an MTA does. The program must answer
// each command.
func (p *peer) sendInLockstep(ctx context.Context) error {
	flavor := pick(p.rnd, mta.Postfix, mta.Sendmail)
	conn := mta.NewConn(p.conn, mta.Config{Offer: p.session.offer, Flavor: flavor, CommandTimeout: patience, ContentTimeout: patience})
	if err := conn.Negotiate(ctx); err != nil {
		return fmt.Errorf("the negotiation: %w", err)
	}
	if _, err := conn.SendPart(ctx, p.session.first, p.events()); err != nil {
		return fmt.Errorf("a valid beginning of %d events: %w", p.events(), err)
	}
	if err := conn.Flush(ctx); err != nil {
		return fmt.Errorf("a valid beginning of %d events: %w", p.events(), err)
	}
	return p.conn.SetDeadline(time.Now().Add(patience))
}

// deliver writes the bytes of the rest.
func (p *peer) deliver(b []byte) error {
	const most = 40 // pieces, so that a peer does not take long
	for i := 0; len(b) > 0; i++ {
		n := len(b)
		switch {
		case p.delivery == whole || i == most:
		case p.delivery == fragments:
			n = min(n, pick(p.rnd, 1, 2, 3, 4, 5, 7, 50, 1000, 4096, 70_000))
		default:
			n = 1
			if i%8 == 0 {
				time.Sleep(time.Millisecond)
			}
		}
		if _, err := p.conn.Write(b[:n]); err != nil {
			return err
		}
		b = b[n:]
	}
	return nil
}

// end ends the connection as the script says. After halfClosed the program has
// yet to end it.
func (p *peer) end() {
	switch p.ending {
	case halfClosed:
		if half, ok := p.conn.Conn.(interface{ CloseWrite() error }); ok {
			_ = half.CloseWrite()
		}
		return
	case reset:
		if tcp, ok := p.conn.Conn.(*net.TCPConn); ok {
			_ = tcp.SetLinger(0)
		}
	case held:
		time.Sleep(5 * time.Millisecond)
	}
	_ = p.conn.Close()
}

// verdict returns what is wrong with what the program sent, and with how it
// ended the connection. err is the error of reading.
func (p *peer) verdict(err error) error {
	switch {
	case p.conn.fault != nil || p.ending != halfClosed:
		return p.conn.fault
	case errors.Is(err, os.ErrDeadlineExceeded):
		return errors.New("the session goes on after the end of its input")
	case err != nil:
		return nil //nolint:nilerr // the program closed the connection and left bytes unread
	default:
		return p.conn.ended()
	}
}
