package peers

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"github.com/sluicemail/sluice/framework/benchmarks/internal/corpus"
)

// discarded is an address whose mail Postfix discards.
const discarded = "bob@discard.test"

// send sends letters, each over a connection of its own, with a number of clients at the same
// time. It returns when the last client has its reply.
func (a *auth) send(ctx context.Context, s *stack, conns int, letters []corpus.Letter) error {
	client := smtpClient{s.route.mta.Addr(), a.Proxy}
	var (
		next  atomic.Int64
		group sync.WaitGroup
	)
	failures := make([]error, conns)
	for i := range conns {
		group.Go(func() {
			for failures[i] == nil {
				n := int(next.Add(1)) - 1
				if n >= len(letters) {
					return
				}
				failures[i] = client.deliver(ctx, &letters[n], discarded)
			}
		})
	}
	group.Wait()
	if err := errors.Join(failures...); err != nil {
		return fmt.Errorf("%s: %w\n%s", s.name, err, s.output())
	}
	return nil
}

// measure sends all letters through a stack, and adds what it has used.
func (a *auth) measure(ctx context.Context, s *stack, conns int) error {
	const settled = 100 * time.Millisecond // what follows a reply has ended
	before, err := s.cpu()
	if err != nil {
		return err
	}
	a.dns.Take()
	began := time.Now()
	if err := a.send(ctx, s, conns, a.mail.Letters); err != nil {
		return err
	}
	took := time.Since(began)
	time.Sleep(settled)
	after, err := s.cpu()
	if err != nil {
		return err
	}
	n := float64(len(a.mail.Letters))
	s.speeds[conns] = append(s.speeds[conns], sample{
		rate: n / took.Seconds(), cpu: (after - before) / n, queries: float64(total(a.dns.Take())) / n,
	})
	return s.drain(ctx)
}

// drain waits until Postfix has discarded the mail, so that this takes no time of the next
// measurement.
func (s *stack) drain(ctx context.Context) error {
	for end := time.Now().Add(time.Minute); s.route.queued(); time.Sleep(10 * time.Millisecond) {
		if time.Now().After(end) || ctx.Err() != nil {
			return fmt.Errorf("%s: mail remains in the queue\n%s", s.name, s.route.mta.Log())
		}
	}
	return nil
}

// output returns what the milters have written, and the log of Postfix.
func (s *stack) output() (text string) {
	for _, c := range s.children {
		text += c.stderr.String()
	}
	return text + s.route.mta.Log()
}

func speedTable(stacks []*stack, conns int) string {
	t := newTable("milters", "CPU ms/message", "ratio", "messages/s", "of no filter", "ratio")
	rates := make(map[string]samples)
	for _, s := range stacks {
		rates[s.name] = s.speeds[conns]
	}
	base, theirs := rates[NoFilter].median(sample.rateOf), rates[Theirs]
	for _, s := range stacks {
		cpu, rate := rates[s.name].median(sample.cpuOf), rates[s.name].median(sample.rateOf)
		t.row(s.name, figure(cpu), ratio(cpu, theirs.median(sample.cpuOf)),
			figure(rate), ratio(rate, base), ratio(rate, theirs.median(sample.rateOf)))
	}
	return t.b.String()
}

// needsTable shows the memory, and the queries of the first messages and of all others.
func needsTable(stacks []*stack) (string, error) {
	t := newTable("milters", "RSS peak MiB", "queries/message, nothing cached", "queries/message, cached")
	for _, s := range stacks {
		peak, err := s.peak()
		if err != nil {
			return "", err
		}
		var all samples
		for _, list := range s.speeds {
			all = append(all, list...)
		}
		t.row(s.name, figure(peak), figure(s.cold), figure(all.median(sample.queriesOf)))
	}
	return t.b.String(), nil
}
