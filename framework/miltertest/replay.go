package miltertest

import (
	"context"
	"log/slog"
	"net"
	"slices"

	"github.com/stretchr/testify/require"

	"github.com/sluicemail/sluice/framework"
	"github.com/sluicemail/sluice/framework/inspect/record"
	"github.com/sluicemail/sluice/framework/miltertest/replay"
)

// Replay replays recorded messages to a filter, and fails the test for each that the filter
// treats differently than it was recorded, with the difference. It also fails the test for a
// record that cannot be replayed, with the reason, unless [AllowNotReplayable] is set, and if
// there is no record. path is a file or a folder that framework/inspect wrote: see
// [record.Open].
//
//	miltertest.Replay(t, filter, "testdata/mail.sluice", miltertest.IgnoreFields("X-Date"))
//
// Without an option for the MTA, the recorded one is played. Package replay says what is
// compared. The messages are read one at a time. The filter runs as with [NewServer], except
// that it keeps the warnings and errors of its log alone.
func Replay(t T, filter framework.Filter, path string, opts ...Option) *replay.Summary {
	t.Helper()
	s := collect(opts)
	r := framework.NewRouter()
	r.Mount(filter, s.lane...)
	return replayTo(t, r, s, path)
}

// ReplayRouter is like [Replay], but runs a whole router: several filters in their lanes and
// the middleware around them.
func ReplayRouter(t T, r *framework.Router, path string, opts ...Option) *replay.Summary {
	t.Helper()
	s := collect(opts)
	require.Empty(t, s.lane, "miltertest: the option Lane cannot be used with a router: pass the lane options to Router.Mount")
	return replayTo(t, r, s, path)
}

// ReplayConfig changes the configuration of [Replay], such as what is compared.
func ReplayConfig(fn func(*replay.Config)) Option {
	return func(s *settings) { s.replay = append(s.replay, fn) }
}

// IgnoreFields makes [Replay] leave out the header fields with the given names.
func IgnoreFields(names ...string) Option {
	return ReplayConfig(func(cfg *replay.Config) {
		ignore := replay.IgnoreFields(names...)
		if cfg.Fields != nil {
			ignore = replay.All(cfg.Fields, ignore)
		}
		cfg.Fields = ignore
	})
}

// AllowNotReplayable permits records that [Replay] cannot replay. The summary counts them.
func AllowNotReplayable() Option { return func(s *settings) { s.notReplayable = true } }

// maxReported is the number of messages for which Replay fails the test one by one.
const maxReported = 20

// replayTo serves the router and replays the records.
func replayTo(t T, r *framework.Router, s settings, path string) *replay.Summary {
	t.Helper()
	s.quiet = true // the log of all messages would hide the differences
	srv := serve(t, r, s)
	cfg := replay.Config{Dial: srv.dialOnce, AsksForMacros: true}
	if s.otherMTA {
		cfg.MTA = &s.mta
	}
	for _, fn := range s.replay {
		fn(&cfg)
	}
	reported, logged := 0, 0
	summary, err := replay.Run(t.Context(), cfg, record.Open(path), func(res *replay.Result) error {
		warnings := srv.warnings(logged)
		srv.journal.forget(slog.LevelWarn)
		logged = srv.journal.len()
		if res.Text() == "" || res.NotReplayable != "" && s.notReplayable {
			return nil
		}
		if reported++; reported <= maxReported {
			t.Errorf("miltertest: %s%s", res.Text(), warnings)
		}
		return nil
	})
	require.NoError(t, err, "miltertest: the replay of %s", path)
	require.NotZero(t, summary.Records, "miltertest: %s has no record", path)
	if reported > maxReported {
		t.Errorf("miltertest: %d more messages of %s differ or cannot be replayed", reported-maxReported, path)
	}
	return summary
}

// dialOnce connects an MTA whose connection the server forgets when it is closed.
func (srv *Server) dialOnce(context.Context) (net.Conn, error) {
	return &forgottenConn{srv.DialRaw(), srv}, nil
}

// forgottenConn is a connection that the server does not keep after its end.
type forgottenConn struct {
	net.Conn
	srv *Server
}

// Close implements net.Conn.
func (c *forgottenConn) Close() error {
	c.srv.mu.Lock()
	c.srv.conns = slices.DeleteFunc(c.srv.conns, func(other net.Conn) bool { return other == c.Conn })
	c.srv.mu.Unlock()
	return c.Conn.Close()
}

// warnings returns what was logged as a warning or an error after the first n lines, if
// anything was.
func (srv *Server) warnings(n int) string {
	logs := slices.DeleteFunc(srv.journal.since(n), func(r slog.Record) bool { return r.Level < slog.LevelWarn })
	if len(logs) == 0 {
		return ""
	}
	return "log:\n" + logs.String()
}
