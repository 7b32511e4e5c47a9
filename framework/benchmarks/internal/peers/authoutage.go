package peers

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/sluicemail/sluice/framework/miltertest/realmta"
)

// outages measures how long a message takes without a name server: when packets to it get
// lost, and when no process listens at its address.
func (a *auth) outages(ctx context.Context, t testing.TB, out *strings.Builder) error {
	t.Helper()
	rows := newTable("milters", "name server", "s/message", "longest", "reply", "results")
	for _, kind := range []struct {
		name   string
		silent bool
	}{{"silent", true}, {"stopped", false}} {
		a.logf("the name server is %s", kind.name)
		if err := a.outage(ctx, t, kind.name, kind.silent, rows); err != nil {
			return err
		}
	}
	fmt.Fprintf(out, "\nWithout a name server:\n\n%s", rows.b.String())
	return nil
}

// outage starts all stacks again, so that they have cached nothing, and sends letters through
// all of them at the same time.
func (a *auth) outage(ctx context.Context, t testing.TB, name string, silent bool, table *table) (err error) {
	t.Helper()
	if silent {
		if err := a.serveDNS(); err != nil {
			return err
		}
		a.dns.Silence()
		defer func() { err = errors.Join(err, a.dns.Close()) }()
	}
	var (
		group  sync.WaitGroup
		stacks []*stack
	)
	defer func() {
		for _, s := range stacks {
			err = errors.Join(err, s.stop())
		}
	}()
	for _, list := range stackNames() {
		if !checks(list) {
			continue
		}
		s, err := a.start(ctx, t, list)
		if err != nil {
			return err
		}
		stacks = append(stacks, s)
	}
	waits := make([][]wait, len(stacks))
	for i, s := range stacks {
		waits[i] = make([]wait, min(a.Outage, len(a.mail.Letters)))
		for n := range waits[i] {
			group.Go(func() { waits[i][n] = a.wait(ctx, s, n) })
		}
	}
	group.Wait()
	for i, s := range stacks {
		if err := addWaits(t, s, name, waits[i], table); err != nil {
			return err
		}
	}
	return nil
}

// wait is how a letter fared.
type wait struct {
	took  time.Duration
	to    string
	reply string // "250", or the refusal
	err   error
}

func (a *auth) wait(ctx context.Context, s *stack, n int) (w wait) {
	w.to, w.reply = fmt.Sprintf("outage%d@example.test", n), "250"
	began := time.Now()
	err := smtpClient{s.route.mta.Addr(), a.Proxy}.deliver(ctx, &a.mail.Letters[n], w.to)
	w.took = time.Since(began)
	if refused := new(smtpError); errors.As(err, &refused) {
		w.reply = refused.Error()
	} else if err != nil {
		w.err = fmt.Errorf("%s: %w", s.name, err)
	}
	return w
}

// addWaits adds the row of a stack: its median and longest time, and what became of the
// letter that took the longest.
func addWaits(t testing.TB, s *stack, name string, waits []wait, table *table) error {
	t.Helper()
	slices.SortFunc(waits, func(a, b wait) int { return int(a.took - b.took) })
	median, last := waits[len(waits)/2], waits[len(waits)-1]
	for _, w := range waits {
		if w.err != nil {
			return w.err
		}
	}
	results := ""
	if last.reply == "250" {
		got := s.route.mta.Sink().Await(t, realmta.ToRecipient(last.to))
		results = "`" + resultsIn(got.Data) + "`"
	}
	table.row(s.name, name, figure(median.took.Seconds()), figure(last.took.Seconds()), last.reply, results)
	return nil
}
