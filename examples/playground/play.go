package main

import (
	"context"
	"errors"
	"fmt"
	"io"

	"github.com/sluicemail/sluice/framework"
)

// play starts the Maildir, the filter and the SMTP server, sends the sample
// message through them, and serves until the context ends.
func (o *options) play(parent context.Context, r *framework.Router, stdout, stderr io.Writer) (err error) {
	ctx, fail := context.WithCancelCause(parent)
	defer fail(nil)
	ln, err := listenSMTP(ctx, o.smtp)
	if err != nil {
		return err
	}
	defer func() { _ = ln.Close() }()
	mail, err := openMaildir(o.maildir)
	if err != nil {
		return fmt.Errorf("open Maildir: %w", err)
	}
	if !o.keep {
		defer func() { err = errors.Join(err, mail.remove()) }()
	}
	log := o.Logger(stderr)
	page, stopPage, err := o.startPage(log)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, stopPage()) }()
	filter, err := startMilter(r, framework.Config{Logger: log, Recorder: page.Recorder()}, fail)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, filter.stop()) }()
	page.Watch(filter.server)
	out := newPrinter(stdout, o.json)
	out.page = page.URL()
	log.Info("serving", "smtp", ln.Addr().String(), "milter", filter.address, "maildir", mail.path)
	out.start(ln.Addr().String(), mail.path, filter)
	server := startSMTP(ln, &backend{
		ctx: ctx, milter: filter.address, plan: filter.server.Plan(), maildir: mail, log: log, report: out.report,
	}, log, fail)
	defer func() {
		fail(nil)
		err = errors.Join(err, server.stop())
	}()
	if err := o.serve(ctx, ln.Addr().String(), out); parent.Err() == nil {
		return err
	}
	return nil
}

// serve sends the sample and waits for the end of the context, unless -once is
// set. It returns why serving ended.
func (o *options) serve(ctx context.Context, address string, out *printer) error {
	if err := sendSample(address); err != nil {
		return fmt.Errorf("send the sample: %w", err)
	}
	if o.once {
		return nil
	}
	out.invite(address)
	<-ctx.Done()
	return context.Cause(ctx)
}
