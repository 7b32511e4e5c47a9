package fxcli

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"log/slog"
	"net"
	"os"
	"os/signal"
	"sync"
	"syscall"
	"time"

	"github.com/sluicemail/sluice/examples/internal/cli"
	"github.com/sluicemail/sluice/examples/internal/replaying"
	"github.com/sluicemail/sluice/examples/internal/socketpair"
	"github.com/sluicemail/sluice/framework"
	"github.com/sluicemail/sluice/framework/miltertest/replay"
	"github.com/sluicemail/sluice/wire/mta"
)

// Replayed are the filters of a configuration, built for a replay of recorded mail: see
// Program.Replay. They neither write state nor send mail to another server.
type Replayed struct {
	Router *framework.Router
	// Server holds the limits of the configuration.
	Server framework.Config
	// Absent are the names of filters that are left out.
	Absent []string
	// Says are sentences about what is different from the running program, for the report.
	Says []string
	// Check, if not nil, returns why the result of the last message must not be used, or "".
	Check func() string
	// Close, if not nil, is called at the end.
	Close func() error
}

// replays holds the values of the flags for recorded mail.
type replays struct {
	replaying.Flags

	offline bool
}

func (r *replays) addFlags(p *Program, fs *flag.FlagSet) {
	if p.Replay == nil {
		return
	}
	r.AddFlags(fs)
	fs.BoolVar(&r.offline, "offline", false, "with -replay, look up no names")
}

func (r *replays) validate(checks *checks) error {
	switch err := r.Validate(); {
	case err != nil:
		return err
	case r.Path == "" && r.offline:
		return errors.New("-offline needs -replay")
	case r.Path != "" && !checks.check:
		return errors.New("-replay needs -check")
	}
	return nil
}

// run says what the filters of the configuration do to the recorded mail.
func (r *replays) run(p *Program, stdout, stderr io.Writer) (status int, err error) {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	filters, err := p.Replay(r.offline)
	if err != nil {
		return cli.ExitFailed, err
	}
	if filters.Close != nil {
		defer func() { err = errors.Join(err, filters.Close()) }()
	}
	if _, err := fmt.Fprintf(stdout, "\nReplay of %s\n", cli.PrintableLine(r.Path)); err != nil {
		return cli.ExitFailed, err
	}
	for _, sentence := range filters.Says {
		if _, err := fmt.Fprintln(stdout, cli.PrintableLine(sentence)); err != nil {
			return cli.ExitFailed, err
		}
	}
	in, err := newInProcess(filters, stderr)
	if err != nil {
		return cli.ExitFailed, err
	}
	defer func() { err = errors.Join(err, in.close()) }()
	cfg := replay.Config{Dial: in.dial, Absent: filters.Absent, AsksForMacros: true, Check: in.checked(filters.Check), Fields: timeless()}
	r.Apply(&cfg)
	return replaying.Report(ctx, stdout, cfg, r.Path, false)
}

// timeless leaves out the tags of signatures that depend on the time.
func timeless() func(mta.Field) (mta.Field, bool) {
	return replay.All(
		replay.IgnoreTags("DKIM-Signature", "t", "x", "b"),
		replay.IgnoreTags("ARC-Message-Signature", "t", "x", "b"),
		replay.IgnoreTags("ARC-Seal", "t", "b"),
	)
}

// inProcess serves filters to the replay over pairs of sockets.
type inProcess struct {
	srv      *framework.Server
	sessions sync.WaitGroup
}

// newInProcess returns a server for the filters. It logs errors alone: the report has the rest.
func newInProcess(filters *Replayed, stderr io.Writer) (*inProcess, error) {
	cfg := filters.Server
	cfg.Admission = framework.Admission{} // no MTA connects
	cfg.Logger = slog.New(slog.NewTextHandler(stderr, &slog.HandlerOptions{Level: slog.LevelError}))
	srv, err := framework.NewServer(filters.Router, cfg)
	return &inProcess{srv: srv}, err
}

func (in *inProcess) dial(context.Context) (net.Conn, error) {
	near, far, err := socketpair.New()
	if err != nil {
		return nil, err
	}
	in.sessions.Go(func() { in.srv.ServeConn(far) })
	return near, nil
}

// checked returns a check that waits for the end of the session, so that all of it is done.
func (in *inProcess) checked(check func() string) func() string {
	return func() string {
		if !in.wait() {
			return "a handler still runs after the end of the session"
		}
		if check == nil {
			return ""
		}
		return check()
	}
}

// endTimeout is the time that handlers have after the end of a session.
const endTimeout = 5 * time.Second

// wait reports whether all sessions end in time.
func (in *inProcess) wait() bool {
	ended := make(chan struct{})
	go func() {
		in.sessions.Wait()
		close(ended)
	}()
	timer := time.NewTimer(endTimeout)
	defer timer.Stop()
	select {
	case <-ended:
		return true
	case <-timer.C:
		return false
	}
}

func (in *inProcess) close() error { return in.srv.Close() }
