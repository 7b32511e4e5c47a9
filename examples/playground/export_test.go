package main

import (
	"context"
	"io"
	"log/slog"

	"github.com/sluicemail/sluice/framework"
)

// These identifiers are exported for tests only.
var (
	DiffMessages = diffMessages
	PaintFor     = paintFor
	OpenMaildir  = openMaildir
	Cut          = cut
	Introduction = connectCommand
)

// Deliver exports deliver.
func (d *maildir) Deliver(folder, text string) (string, error) {
	return d.deliver(folder, []byte(text))
}

// Red exports red.
func (p paint) Red(s string) string { return p.red(s) }

// ServeMilter serves SMTP in front of any milter. It returns the address of the
// SMTP server and a function that stops it.
func ServeMilter(milter, dir string, report func(*Report)) (address string, stop func() error, err error) {
	ctx, fail := context.WithCancelCause(context.Background())
	ln, err := listenSMTP(ctx, "127.0.0.1:0")
	if err != nil {
		fail(err)
		return "", nil, err
	}
	mail, err := openMaildir(dir)
	if err != nil {
		fail(err)
		return "", nil, err
	}
	log := slog.New(slog.NewTextHandler(io.Discard, nil))
	b := &backend{ctx: ctx, milter: milter, plan: new(framework.Plan), maildir: mail, log: log, report: report}
	d := startSMTP(ln, b, log, fail)
	return ln.Addr().String(), func() error {
		fail(nil)
		return d.stop()
	}, nil
}

// Content reads the content of a message as the connection of a client does.
type Content struct {
	io.Reader
	ends lineEnds
}

// Read implements [io.Reader].
func (c *Content) Read(p []byte) (int, error) {
	c.ends.inContent = true
	return c.ends.read(c.Reader, p)
}
