package trial

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/sluicemail/sluice/examples/internal/socketpair"
	"github.com/sluicemail/sluice/framework"
	"github.com/sluicemail/sluice/wire/mta"
)

// Config configures a trial. The zero value plays a current Postfix.
type Config struct {
	// Server configures the server of the filters, such as its Logger and its timeouts.
	// Admission has no effect, because no MTA connects.
	Server framework.Config
	// MTA is the MTA to play.
	MTA mta.Flavor
	// Hostname is the name of the MTA's host, the macro j. It defaults to the name of this
	// host.
	Hostname string
	// MaxSize limits the size of the message in bytes. It defaults to 50 MiB.
	MaxSize int64
}

// check returns an error that joins all mistakes.
func (c *Config) check() error {
	var size, name error
	if c.MaxSize < 0 {
		size = errors.New("MaxSize is negative")
	}
	if strings.ContainsAny(c.Hostname, notInLine) {
		name = fmt.Errorf("the host name %q has more than one line, or a NUL", c.Hostname)
	}
	return errors.Join(size, name)
}

// defaultMaxSize is the default of Config.MaxSize.
const defaultMaxSize = 50 << 20

// ErrHangs means that handlers still ran some seconds after the MTA had gone. Their goroutines
// go on.
var ErrHangs = errors.New("trial: a handler still runs after the end of the session")

// endTimeout is the time that handlers have after the end of the session.
const endTimeout = 5 * time.Second

// Run runs a message through the filters of a router, and returns what the MTA would do. It
// returns when the session has ended, so all handlers have run, and hooks such as
// framework.Route.AfterMessage. A refusal by a filter is not an error. The router may be used
// for any number of trials, and once Plan was called also for several at the same time.
//
// The error wraps ErrMessage or ErrTooLarge, or is that of the reader, of the plan of the
// router, or of a filter that broke the protocol or did not answer in the MTA's time. If the
// context ends, the error wraps that of the context.
func Run(ctx context.Context, r *framework.Router, cfg Config, m Message) (result *Result, err error) {
	if cfg.MaxSize == 0 {
		cfg.MaxSize = defaultMaxSize
	}
	cfg.Server.Admission = framework.Admission{}
	srv, err := framework.NewServer(r, cfg.Server)
	if err != nil {
		return nil, err
	}
	msg, err := m.read(&cfg)
	if err != nil {
		return nil, err
	}
	near, far, err := socketpair.New()
	if err != nil {
		return nil, fmt.Errorf("trial: %w", err)
	}
	served := make(chan struct{})
	go func() {
		defer close(served)
		srv.ServeConn(far)
	}()
	conn := mta.NewConn(near, mta.Config{Flavor: cfg.MTA, MaxEdits: maxEdits(cfg.MaxSize)})
	out, err := conn.Send(ctx, msg)
	if err == nil {
		_ = conn.Quit(ctx) // fails if the server has closed the connection after its reply
	}
	_ = conn.Close()
	if hangs := await(srv, served); hangs != nil || err != nil {
		return nil, errors.Join(err, hangs)
	}
	negotiated, _ := conn.Negotiated()
	return newResult(msg, out, cfg.MTA, negotiated.Protocol)
}

// maxEdits returns the limit of what filters may send as modifications: a new body, which may
// be larger than the old one, and as much again.
func maxEdits(maxSize int64) int { return int(min(2*maxSize+(1<<20), 1<<30)) }

// await waits for the end of the session, and closes the server.
func await(srv *framework.Server, served <-chan struct{}) error {
	defer func() { _ = srv.Close() }()
	timer := time.NewTimer(endTimeout)
	defer timer.Stop()
	select {
	case <-served:
		return nil
	case <-timer.C:
		return ErrHangs
	}
}
