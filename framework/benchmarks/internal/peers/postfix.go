package peers

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io/fs"
	"path/filepath"
	"strconv"
	"testing"
	"time"

	"github.com/sluicemail/sluice/framework/miltertest/realmta"

	"github.com/sluicemail/sluice/framework/benchmarks/internal/workload"
)

// route is a running Postfix, with a filter or without one.
type route struct {
	name string
	mta  *realmta.Postfix
}

// Postfix measures mail from smtp-source through a real Postfix to smtp-sink,
// for each filter. It needs root.
func (b *Bench) Postfix(ctx context.Context) (text string, err error) {
	err = asTest(func(t testing.TB) error {
		t.Helper()
		sink, err := startSink(ctx, b.dir)
		if err != nil {
			return err
		}
		defer sink.stop()
		routes := []route{{"no filter", startPostfix(t, sink.addr, "")}}
		for _, server := range b.pick(Sluice, Libmilter, Emersion, Pymilter) {
			for _, network := range b.Networks {
				c, err := b.bins.start(ctx, b.dir, server, workload.W1, network)
				if err != nil {
					return err
				}
				defer func() { _ = c.stop() }()
				name := map[string]string{"tcp": "inet:", "unix": "unix:"}[network] + c.address
				routes = append(routes, route{server + " over " + network, startPostfix(t, sink.addr, name)})
			}
		}
		text, err = b.compareRoutes(ctx, routes)
		return err
	})
	return text, err
}

// asTest calls f with a testing.TB, which package realmta needs and which ends
// when f returns.
func asTest(f func(testing.TB) error) (err error) {
	testing.Init()
	if err := flag.Set("test.benchtime", "1x"); err != nil {
		return err
	}
	ran := false
	err = errors.New("the run through Postfix failed")
	testing.Benchmark(func(b *testing.B) {
		b.Helper()
		if !ran { // testing runs a fast benchmark again
			ran, err = true, f(b)
		}
	})
	return err
}

// startPostfix starts a Postfix that delivers all mail to the sink. Each of its
// processes serves many clients, as in production.
func startPostfix(t testing.TB, sink, filter string) *realmta.Postfix {
	t.Helper()
	cfg := realmta.PostfixConfig{Main: map[string]string{
		"realmta_max_use":   "100",
		"relay_transport":   "smtp:" + sink,
		"default_transport": "smtp:" + sink,
	}}
	if filter != "" {
		cfg.Milters = []string{filter}
	}
	return realmta.StartPostfix(t, cfg)
}

func (b *Bench) compareRoutes(ctx context.Context, routes []route) (string, error) {
	for _, r := range routes { // warm up: the first messages start Postfix's processes
		if _, err := r.send(ctx, max(b.Messages/10, 20)); err != nil {
			return "", err
		}
	}
	got := make(map[string]samples)
	for n := range b.Rounds {
		b.logf("through Postfix, round %d", n+1)
		for _, r := range routes {
			s, err := r.send(ctx, b.Messages)
			if err != nil {
				return "", err
			}
			got[r.name] = append(got[r.name], s)
		}
	}
	t := newTable("filter (W1)", "messages/s taken", "ratio", "messages/s delivered", "ratio")
	base := got[routes[0].name]
	for _, r := range routes {
		s := got[r.name]
		taken, delivered := s.median(sample.sessionsOf), s.median(sample.rateOf)
		t.row(r.name, figure(taken), ratio(taken, base.median(sample.sessionsOf)),
			figure(delivered), ratio(delivered, base.median(sample.rateOf)))
	}
	return "\n" + t.b.String(), nil
}

// send sends n messages and returns the rates at which Postfix accepted and
// delivered them. If a filter fails, Postfix refuses mail temporarily, and
// smtp-source then fails.
func (r route) send(ctx context.Context, n int) (s sample, err error) {
	began := time.Now()
	_, err = output(ctx, "", "smtp-source", "-s", "8", "-l", "4096", "-m", strconv.Itoa(n),
		"-f", "ann@example.org", "-t", "bob@example.test", r.mta.Addr())
	if err != nil {
		return s, fmt.Errorf("%s: %w\n%s", r.name, err, r.mta.Log())
	}
	s.sessions = float64(n) / time.Since(began).Seconds()
	for r.queued() {
		if time.Since(began) > 5*time.Minute || ctx.Err() != nil {
			return s, fmt.Errorf("%s: mail remains in the queue\n%s", r.name, r.mta.Log())
		}
		time.Sleep(10 * time.Millisecond)
	}
	s.rate = float64(n) / time.Since(began).Seconds()
	return s, nil
}

// errFound stops a directory walk.
var errFound = errors.New("found")

// queued reports whether the queue contains mail.
func (r route) queued() bool {
	for _, dir := range []string{"maildrop", "incoming", "active", "deferred"} {
		err := filepath.WalkDir(filepath.Join(r.mta.QueueDir(), dir), func(_ string, e fs.DirEntry, err error) error {
			if err == nil && !e.IsDir() {
				return errFound
			}
			return nil // a missing file was delivered
		})
		if err != nil {
			return true
		}
	}
	return false
}
