package remote

import (
	"bytes"
	"context"
	"fmt"
	"strings"

	"github.com/sluicemail/sluice/framework"
	"github.com/sluicemail/sluice/wire"
)

// modify makes the milter's modifications of the message by the lane's grants. raw means
// that header values begin right after the colon. If it returns an error, the lane has
// failed, and the framework makes none of the modifications.
func (l *lane) modify(s *framework.Session, mods []wire.Reply, raw bool) error {
	if len(mods) == 0 {
		return nil
	}
	if err := l.checkNumber(mods); err != nil {
		return err
	}
	header := newHeader(l, s, raw)
	var body [][]byte
	for _, r := range mods {
		if err := context.Cause(s.Context()); err != nil { // many edits of a long header take long
			return err
		}
		var err error
		switch r := r.(type) {
		case *wire.AddHeader, *wire.InsertHeader, *wire.ChangeHeader:
			err = header.edit(r)
		case *wire.ReplaceBody:
			body = append(body, r.Chunk)
		default:
			err = l.modifyEnvelope(s, r)
		}
		if err != nil {
			return fmt.Errorf("remote: the milter's %v: %w", r.ReplyCode(), err)
		}
	}
	if body != nil {
		if err := l.grants.body.Replace(s, bytes.Join(body, nil)); err != nil {
			return fmt.Errorf("remote: the milter's %v: %w", wire.RepReplBody, err)
		}
	}
	if err := header.write(s); err != nil {
		return fmt.Errorf("remote: the milter's edits of the header: %w", err)
	}
	return nil
}

// checkNumber returns an error if the milter makes too many modifications. The chunks of a new
// body do not count: they take no longer if there are many.
func (l *lane) checkNumber(mods []wire.Reply) error {
	n, most := 0, l.filter.cfg.MaxModifications
	for _, r := range mods {
		if _, chunk := r.(*wire.ReplaceBody); !chunk {
			n++
		}
	}
	if n > most {
		return fmt.Errorf("remote: the milter makes %d modifications of a message, more than the %d of MaxModifications", n, most)
	}
	return nil
}

// modifyEnvelope makes a modification of the envelope, or a quarantine.
func (l *lane) modifyEnvelope(s *framework.Session, r wire.Reply) error {
	switch r := r.(type) {
	case *wire.AddRcpt:
		return l.grants.addRcpt.Add(s, r.Recipient)
	case *wire.AddRcptPar:
		return l.grants.addRcptArgs.Add(s, r.Recipient, strings.Fields(r.Args)...)
	case *wire.DelRcpt:
		return l.grants.deleteRcpt.Delete(s, r.Recipient)
	case *wire.ChangeFrom:
		return l.grants.sender.Change(s, r.Sender, strings.Fields(r.Args)...)
	case *wire.Quarantine:
		return l.grants.quarantine.Quarantine(s, r.Reason)
	default:
		return &wire.ProtocolError{Message: r.ReplyCode().String(), Reason: "not a modification"}
	}
}
