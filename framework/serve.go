package framework

import (
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/sluicemail/sluice/wire"
)

// errProbe ends a connection on which nobody spoke: a port probe or a health
// check.
var errProbe = errors.New("framework: nothing was said")

// errStranger ends a connection on which something else than milter was spoken:
// TLS or HTTP, as scanners do.
var errStranger = errors.New("framework: no milter protocol was spoken")

// serve runs the connection to its end, and returns what ended it.
func (s *Session) serve() error {
	if err := s.handshake(); err != nil {
		return err
	}
	err := s.loop()
	s.link.hangUp()
	s.finish()
	return err
}

// handshake answers the MTA's offer.
func (s *Session) handshake() error {
	l := s.link
	l.between, l.until = true, time.Now().Add(l.cfg.NegotiateTimeout)
	l.setRead()
	f, err := l.first()
	if err != nil {
		return err
	}
	if wire.CommandCode(f.Code) != wire.CmdOptNeg {
		return &wire.ProtocolError{Message: wire.CommandCode(f.Code).String(), Reason: "it came before the negotiation"}
	}
	var offer wire.Negotiate
	if err := offer.DecodeOffer(f.Data); err != nil {
		return err
	}
	if s.nego, err = s.plan.negotiate(&offer, l.cfg.MaxPacket); err != nil {
		return err
	}
	l.dec.SetLimit(s.nego.limit)
	l.out, err = s.nego.Encode(l.out)
	return err
}

// first reads the first frame, within the one deadline that is set.
func (l *link) first() (wire.Frame, error) {
	for {
		f, ok, err := l.dec.Next()
		if err != nil {
			return f, fmt.Errorf("%w: %w", errStranger, err)
		}
		if ok {
			return f, nil
		}
		n, err := l.read(func() {})
		switch {
		case n > 0:
		case l.dec.Buffered() == 0 && errors.Is(err, io.EOF):
			return f, errProbe
		default:
			return f, err
		}
	}
}

func (s *Session) loop() error {
	for !s.link.abandoned {
		f, err := s.link.next(!s.inMessage)
		if err != nil {
			return err
		}
		if err := s.command(f); err != nil {
			return err
		}
	}
	return errTimedOut
}

// fromPostfix reports whether the MTA has shown that it is Postfix. It tells
// filters so by the macro v. Where its configuration keeps that from them, the
// macros before each header field and each chunk of the body show it: Postfix
// alone sends them, and cannot be brought not to.
func (s *Session) fromPostfix() bool {
	v, ok := s.rawMacro("v")
	if !ok {
		return s.repeats
	}
	return len(v) > 7 && string(v[:7]) == "Postfix"
}

// failedHanging logs a handler that hangs. Called by the watch while the
// handler runs, it must not touch what the handler may: the session's lazily
// made logger among that.
func (s *Session) failedHanging(lane *laneState, stage Stage) {
	s.link.cfg.Logger.Error("handler hangs, answering in its place", "filter", lane.plan.name,
		"stage", stage.String(), "queue", s.QueueID(), "message", s.message, "peer", s.link.peer, "error", ErrHandlerTimeout)
}
