package peers

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/sluicemail/sluice/framework/benchmarks/internal/corpus"
	"github.com/sluicemail/sluice/framework/benchmarks/internal/nameserver"
)

// AuthOptions specify how mail authentication is measured.
type AuthOptions struct {
	// Domains is the number of domains that send the mail.
	Domains int
	// Proxy lets the client name a foreign address by the PROXY protocol instead of
	// XCLIENT. With XCLIENT, Postfix connects to each milter twice for a message.
	Proxy bool
	// Ours is [Sluiced], or [Authenticate], or the command of another program of ours. The
	// word {socket} in a command stands for the path of a unix socket to listen on.
	Ours []string
	// Profile is a file for a CPU profile of Authenticate, or "".
	Profile string
	// Limit is the time after which no further round begins. 0 means none.
	Limit time.Duration
	// Outage is how many messages are sent without a name server.
	Outage int
}

// auth measures lists of milters that authenticate mail.
type auth struct {
	*Bench
	AuthOptions
	mail *corpus.Corpus
	dns  *nameserver.Server
}

// nameServer is the address of the name server of all milters.
const nameServer = "127.53.53.53:53"

// Auth compares mail authentication by Sluice with OpenDKIM and OpenDMARC, behind a real
// Postfix. It needs root.
func (b *Bench) Auth(ctx context.Context, o AuthOptions) (text string, err error) {
	if o.Domains = min(o.Domains, b.Messages); o.Domains < 1 {
		return "", errors.New("there are no messages or no domains")
	}
	a := &auth{Bench: b, AuthOptions: o}
	b.logf("make %d messages from %d domains", b.Messages, o.Domains)
	if a.mail, err = corpus.New(b.Messages, o.Domains); err != nil {
		return "", err
	}
	if err := errors.Join(a.writeFiles(), a.buildOurs(ctx)); err != nil {
		return "", err
	}
	var out strings.Builder
	err = asTest(func(t testing.TB) error {
		t.Helper()
		return a.speed(ctx, t, &out)
	})
	if err != nil || o.Outage == 0 {
		return out.String(), err
	}
	a.Profile = "" // it is written
	err = asTest(func(t testing.TB) error {
		t.Helper()
		return a.outages(ctx, t, &out)
	})
	return out.String(), err
}

// serveDNS starts the name server.
func (a *auth) serveDNS() (err error) {
	if a.dns, err = nameserver.Start(nameServer, a.mail.Zone); err != nil {
		err = fmt.Errorf("the name server: %w", err)
	}
	return err
}

// speed measures CPU time, rates, memory and queries.
func (a *auth) speed(ctx context.Context, t testing.TB, out *strings.Builder) (err error) {
	t.Helper()
	if err := a.serveDNS(); err != nil {
		return err
	}
	defer func() { err = errors.Join(err, a.dns.Close()) }()
	var stacks []*stack
	defer func() {
		for _, s := range stacks {
			err = errors.Join(err, s.stop())
		}
	}()
	for _, name := range stackNames() {
		s, err := a.start(ctx, t, name)
		if err != nil {
			return err
		}
		stacks = append(stacks, s)
		if err := a.begin(ctx, t, s); err != nil {
			return err
		}
	}
	if err := a.measureAll(ctx, stacks); err != nil {
		return err
	}
	for _, conns := range a.Conns {
		fmt.Fprintf(out, "\n%d SMTP clients:\n\n%s", conns, speedTable(stacks, conns))
	}
	table, err := needsTable(stacks)
	fmt.Fprintf(out, "\nMemory and queries:\n\n%s", table)
	return err
}

// measureAll measures the stacks in turn, with each number of clients.
func (a *auth) measureAll(ctx context.Context, stacks []*stack) error {
	for n, began := 0, time.Now(); n < a.Rounds; n++ {
		if n > 0 && a.Limit > 0 && time.Since(began) > a.Limit {
			a.logf("%v have passed: no further round", a.Limit)
			break
		}
		for _, conns := range a.Conns {
			a.logf("round %d, %d clients", n+1, conns)
			for _, s := range stacks {
				if err := a.measure(ctx, s, conns); err != nil {
					return err
				}
			}
		}
	}
	return nil
}

// begin sends a message of each domain through a stack whose processes have just started,
// and counts the queries. Then it checks that the milters do their work.
func (a *auth) begin(ctx context.Context, t testing.TB, s *stack) error {
	t.Helper()
	a.logf("%s: first messages", s.name)
	a.dns.Take()
	if err := a.send(ctx, s, 1, a.mail.Letters[:a.Domains]); err != nil {
		return err
	}
	s.cold = float64(total(a.dns.Take())) / float64(a.Domains)
	return a.probe(t, s)
}

func total(queries map[string]int) (n int) {
	for _, count := range queries {
		n += count
	}
	return n
}
