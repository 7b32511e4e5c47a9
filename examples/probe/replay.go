package main

import (
	"context"
	"errors"
	"fmt"
	"io"

	"github.com/sluicemail/sluice/examples/internal/cli"
	"github.com/sluicemail/sluice/examples/internal/replaying"
	"github.com/sluicemail/sluice/framework/miltertest/replay"
	"github.com/sluicemail/sluice/wire/mta"
)

// replayFlags holds the values of the flags for recorded mail.
type replayFlags struct {
	replaying.Flags

	flavor      *mta.Config // nil for the recorded MTA
	connections uint
}

func (f *replayFlags) setFlavor(name string) error {
	m, err := replay.Personality(name)
	if err != nil {
		return errors.New("want " + replay.Personalities)
	}
	f.flavor = &m
	return nil
}

// isHelp reports whether the path is -help, which asks for help: "probe -replay -help". A file
// with this name is ./-help.
func (f *replayFlags) isHelp() bool {
	return f.Path == "-h" || f.Path == "-help" || f.Path == "--help"
}

// maxConnections is the largest value of -connections.
const maxConnections = 100

func (f *replayFlags) validate() error {
	switch err := f.Validate(); {
	case err != nil:
		return err
	case f.Path == "" && (f.flavor != nil || f.connections != 1):
		return errors.New("-flavor and -connections need -replay")
	case f.connections < 1 || f.connections > maxConnections:
		return fmt.Errorf("-connections %d is not between 1 and %d", f.connections, maxConnections)
	}
	return nil
}

// replayMail replays recorded mail to the milter, and prints what differs.
func (o *options) replayMail(ctx context.Context, stdout io.Writer) (status int, err error) {
	if err := o.answers(ctx); err != nil {
		return cli.ExitFailed, err
	}
	dial, err := replay.Address(o.milter, o.timeout)
	if err != nil {
		return cli.ExitFailed, err
	}
	cfg := replay.Config{Dial: dial, MTA: o.replay.flavor, Timeout: o.timeout, Connections: int(o.replay.connections)}
	o.replay.Apply(&cfg)
	return replaying.Report(ctx, stdout, cfg, o.replay.Path, o.json)
}

// answers returns an error if no milter answers at the address. Without it, the report would
// say that the milter fails at each message.
func (o *options) answers(ctx context.Context) error {
	conn, err := o.dial(ctx)
	if err != nil {
		return err
	}
	defer func() { _ = conn.Close() }()
	c := mta.NewConn(conn, o.config())
	if err := c.Negotiate(ctx); err != nil {
		return o.explain(ctx, conn, err)
	}
	_ = c.Quit(ctx)
	return nil
}
