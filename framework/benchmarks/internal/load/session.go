package load

import (
	"errors"
	"fmt"
	"io"
	"net"
	"time"

	"github.com/sluicemail/sluice/wire"
	"github.com/sluicemail/sluice/wire/mta"
)

// session is a negotiated connection to the filter.
type session struct {
	conn   net.Conn
	dec    *wire.Decoder
	script *script
	check  *checker
	piece  int
	fresh  bool
}

// replyTimeout limits the wait for connecting and for replies.
const replyTimeout = 30 * time.Second

var errStray = errors.New("reply that was not due")

// open connects and negotiates as Postfix does.
func (r *run) open() (*session, error) {
	conn, err := net.DialTimeout(r.Network, r.Address, replyTimeout)
	if err != nil {
		return nil, err
	}
	if tcp, ok := conn.(*net.TCPConn); ok {
		if err := tcp.SetNoDelay(!r.Nagle); err != nil {
			return nil, errors.Join(err, conn.Close())
		}
	}
	s := &session{conn: conn, dec: wire.NewDecoder(&r.pool, wire.DefaultLimit), piece: r.Piece, fresh: true}
	if err := s.negotiate(r); err != nil {
		return nil, errors.Join(err, conn.Close())
	}
	return s, nil
}

func (s *session) negotiate(r *run) error {
	if err := s.conn.SetDeadline(time.Now().Add(r.Duration + replyTimeout)); err != nil {
		return err
	}
	offer := mta.PostfixOffer(wire.MaxVersion)
	out, err := (&wire.Negotiate{Version: offer.Version, Actions: offer.Actions, Protocol: offer.Protocol}).Encode(nil)
	if err != nil {
		return err
	}
	if _, err := s.conn.Write(out); err != nil {
		return err
	}
	f, err := s.frame()
	if err != nil {
		return err
	}
	var answer wire.Negotiate
	if wire.ReplyCode(f.Code) != wire.RepOptNeg {
		return fmt.Errorf("reply to the offer is %v", wire.ReplyCode(f.Code))
	}
	if err := answer.Decode(f.Data); err != nil {
		return err
	}
	if !offer.Protocol.Has(answer.Protocol) || !offer.Actions.Has(answer.Actions) {
		return fmt.Errorf("reply has options that were not offered: %v", &answer)
	}
	s.check = newChecker(r.Workload, &r.msg, &answer)
	s.check.inserted = r.Inserted
	s.script, err = r.scriptFor(f.Data, &answer)
	return err
}

// frame returns the next frame.
func (s *session) frame() (wire.Frame, error) {
	for {
		f, ok, err := s.dec.Next()
		if ok || err != nil {
			return f, err
		}
		if n, err := s.dec.Fill(s.conn); n == 0 {
			if errors.Is(err, io.EOF) {
				err = io.ErrUnexpectedEOF
			}
			return wire.Frame{}, err
		}
	}
}

// message sends one message and waits for its verdict.
func (s *session) message() error {
	steps := s.script.next
	if s.fresh {
		s.fresh, steps = false, s.script.first
	}
	for i := range steps {
		if err := s.write(steps[i].out); err != nil {
			return err
		}
		if !steps[i].reply {
			continue
		}
		if err := s.await(steps[i].end); err != nil {
			return err
		}
	}
	return nil
}

// write writes p in pieces of at most the size of Postfix's buffer.
func (s *session) write(p []byte) error {
	for len(p) > 0 {
		n, err := s.conn.Write(p[:min(len(p), s.piece)])
		if err != nil {
			return err
		}
		p = p[n:]
	}
	return nil
}

func (s *session) await(end bool) error {
	take := s.check.reply
	if end {
		take = s.check.end
	}
	for {
		f, err := s.frame()
		if err != nil {
			return err
		}
		if done, err := take(f); done || err != nil {
			if err == nil && s.dec.Buffered() > 0 {
				err = errStray
			}
			return err
		}
	}
}

// quit ends the session as Postfix does.
func (s *session) quit() error {
	return errors.Join(s.write(s.script.bye), s.conn.Close())
}
