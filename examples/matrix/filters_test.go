package matrix_test

import (
	"context"
	"crypto/ed25519"
	"errors"
	"io"
	"net"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/sluicemail/sluice/contrib/authres"
	"github.com/sluicemail/sluice/contrib/dkim"
	"github.com/sluicemail/sluice/contrib/headers"
	"github.com/sluicemail/sluice/contrib/resolver/resolvertest"
	"github.com/sluicemail/sluice/contrib/spf"
	addheaderip "github.com/sluicemail/sluice/examples/addheaderip/filter"
	aliases "github.com/sluicemail/sluice/examples/aliases/filter"
	changebody "github.com/sluicemail/sluice/examples/changebody/filter"
	clamav "github.com/sluicemail/sluice/examples/clamav/filter"
	fxapp "github.com/sluicemail/sluice/examples/fxapp/filter"
	greylist "github.com/sluicemail/sluice/examples/greylist/filter"
	httpscan "github.com/sluicemail/sluice/examples/httpscan/filter"
	"github.com/sluicemail/sluice/examples/internal/clamdtest"
	logall "github.com/sluicemail/sluice/examples/logall/filter"
	playground "github.com/sluicemail/sluice/examples/playground/filter"
	testmilter "github.com/sluicemail/sluice/examples/testmilter/filter"
	"github.com/sluicemail/sluice/framework"
	"github.com/sluicemail/sluice/framework/miltertest"
	"github.com/sluicemail/sluice/middleware"
)

// host is the name of the host that checks mail.
const host = "mx.example.net"

// entry is a filter of the matrix. make returns a new one for each server, because some keep
// state.
type entry struct {
	name string
	make func(t *testing.T) framework.Filter
}

// filters returns the filters of the matrix. The names are those in exceptions_test.go.
func filters() []entry {
	return append(rules(),
		entry{"dkim signer", func(t *testing.T) framework.Filter {
			t.Helper()
			return newDKIM(t, dkim.Signing{Rules: []dkim.Rule{{
				Senders: []string{"example.org"}, Keys: []dkim.Key{{Domain: "example.org", Selector: "s1", Signer: key()}},
			}}})
		}},
		entry{"dkim verifier", func(t *testing.T) framework.Filter {
			t.Helper()
			return newDKIM(t, dkim.Signing{})
		}},
		entry{"spf", func(t *testing.T) framework.Filter {
			t.Helper()
			dns := resolvertest.New(t, `
				example.org.        TXT "v=spf1 ip4:192.0.0.0/16 -all"
				denied.example.     TXT "v=spf1 -all"
				client.example.org. TXT "v=spf1 moo"
			`)
			f, err := spf.New(spf.Config{Resolver: dns, AuthservID: host, ReceivedSPF: true})
			require.NoError(t, err)
			return f
		}},
		fixed("authres collector", collector{}),
		fixed("addheaderip", addheaderip.Filter{Header: "X-Client-IP"}),
		fixed("changebody", changebody.Filter{Body: []byte("The content was removed.\r\n")}),
		fixed("logall", logall.Filter{Limit: 60}),
		entry{"greylist", func(t *testing.T) framework.Filter {
			t.Helper()
			list, err := greylist.NewList(greylist.Rules{Delay: time.Minute, Retry: time.Hour, Keep: time.Hour, Entries: 100})
			require.NoError(t, err)
			return greylist.Filter{List: list}
		}},
		entry{"testmilter", func(*testing.T) framework.Filter {
			return &testmilter.Filter{Out: io.Discard, Stop: func() {}, Orders: testmilter.Orders{
				Add: []string{"archive@example.net"}, Sender: "<list@example.org>",
				Insert: &testmilter.Field{Index: 1, Name: "X-Order", Value: "one"},
			}}
		}},
		fixed("fxapp bouncer", fxapp.NewBouncer(fxapp.Denylist{"denied.example": true}, new(fxapp.Tally))),
		fixed("fxapp stamper", fxapp.NewStamper("X-Filtered-By", "fxapp", new(fxapp.Tally))),
		fixed("playground refuser", playground.Refuser{Recipient: "nobody@example.test"}),
		fixed("playground stamper", playground.Stamper{Header: "X-Client-Address"}),
		fixed("playground tagger", playground.Tagger{Tag: "[suspicious attachment] "}),
		entry{"clamav", func(t *testing.T) framework.Filter {
			t.Helper()
			clamd := clamdtest.Serve(t, clamdtest.Finds("Test.Program", "invoice.pdf.exe"))
			return clamav.Filter{Clamd: clamd, Infected: clamav.Mark, TooLarge: clamav.Reject}
		}},
		entry{"httpscan", func(t *testing.T) framework.Filter {
			t.Helper()
			return httpscan.Filter{URL: scanner(t)}
		}},
		entry{"aliases", func(t *testing.T) framework.Filter {
			t.Helper()
			f := new(aliases.Filter)
			require.NoError(t, f.Table.Open(database(t), time.Hour))
			t.Cleanup(func() { require.NoError(t, f.Table.Close()) })
			return f
		}},
		entry{"banner", func(t *testing.T) framework.Filter {
			t.Helper()
			return newOutside(t)
		}},
		entry{"recipient limit", func(*testing.T) framework.Filter {
			return framework.AsFilter("limit", middleware.RateLimit(middleware.RateLimitConfig{
				Rate: middleware.Rate{Events: 2, Per: time.Hour}, By: middleware.ByClient(), Recipients: true,
			}), framework.StageRcpt)
		}},
	)
}

// fixed is a filter without state between messages, which all servers can share.
func fixed(name string, f framework.Filter) entry {
	return entry{name, func(*testing.T) framework.Filter { return f }}
}

// rules returns filters of contrib/headers whose rules have each action.
func rules() []entry {
	of := func(name string, list ...headers.Rule) entry {
		return entry{"headers " + name, func(t *testing.T) framework.Filter {
			t.Helper()
			f, err := headers.New(headers.Config{Rules: list})
			require.NoError(t, err)
			return f
		}}
	}
	do := func(actions ...headers.Action) headers.Rule { return headers.Rule{Do: actions} }
	return []entry{
		of("add", do(
			headers.Add{Name: "X-Client", Value: "{{ .Client.Addr }} helo={{ .Helo }}"},
			headers.Insert{Name: "X-Envelope", Value: "{{ .Sender }}"},
		)),
		of("top", do(headers.Insert{Name: "X-Top", Value: "yes", Top: true}, headers.Insert{Name: "X-Above", Value: "yes", Above: "Subject"})),
		of("prefix", do(headers.Prefix{Name: "Subject", Text: "[external] "})),
		of("replace", do(headers.Replace{Name: "X-Priority", Value: "3", OrAdd: true}, headers.Suffix{Name: "Comments", Text: " (seen)"})),
		of("delete", do(headers.Delete{Name: "X-Spam-Score"}, headers.Strip{}, headers.Limit{Name: "Received", Max: 2})),
		of("rename", do(headers.Rename{Name: "X-Spam-Status", To: "X-Old-Spam-Status"})),
		of("authres", do(headers.StripAuthResults{ID: []string{host}})),
		of("fold", do(headers.Unfold{Name: "References"}, headers.Fold{Name: "Keywords"}, headers.Join{Name: "To"})),
		of("reply", do(headers.ReplyTo{Value: "team@example.org", Keep: true})),
		of("refuse", headers.Rule{
			When: headers.Any{headers.Duplicated{Names: []string{"From"}}, headers.UnreadableParts{}},
			Do:   []headers.Action{headers.Reject{Text: "the message is ambiguous"}},
		}),
		of("hold", headers.Rule{
			When: headers.Part{Name: `(?i)\.(exe|scr)$`},
			Do:   []headers.Action{headers.Quarantine{Reason: "a program is attached"}},
		}),
	}
}

// key returns the private key of the signer. The signatures of Ed25519 are always the same.
func key() ed25519.PrivateKey { return ed25519.NewKeyFromSeed(make([]byte, ed25519.SeedSize)) }

// newDKIM returns a filter that signs mail as configured and verifies other mail.
func newDKIM(t *testing.T, signing dkim.Signing) framework.Filter {
	t.Helper()
	f, err := dkim.New(dkim.Config{
		Signing: signing, Verifying: dkim.Verifying{AuthservID: host, Resolver: noDNS{}},
		Now: func() time.Time { return time.Unix(1_800_000_000, 0) },
	})
	require.NoError(t, err)
	return f
}

// noDNS is a resolver that knows the signer's key only.
type noDNS struct{}

// LookupTXT implements [dkim.Resolver].
func (noDNS) LookupTXT(_ context.Context, name string) ([]string, error) {
	if strings.TrimSuffix(name, ".") != dkim.RecordName("s1", "example.org") {
		return nil, &net.DNSError{Err: "no such host", Name: name, IsNotFound: true}
	}
	record, err := dkim.FormatRecord(key().Public())
	return []string{record}, err
}

// collector is a filter that checks mail with contrib/authres: it removes forged results and
// writes its own.
type collector struct{}

// Name implements [framework.Filter].
func (collector) Name() string { return "collector" }

// Register implements [framework.Filter].
func (collector) Register(r *framework.Router) error {
	forged, results := authres.NewRemover(r), authres.NewCollector(r)
	r.OnEndOfMessage(func(s *framework.Session, _ *framework.EndOfMessage) (framework.Verdict, error) {
		_, err := forged.Remove(s, authres.Judge{IDs: []string{host}})
		return framework.Continue, errors.Join(err, results.Write(s, host, authres.Result{Method: "spf", Value: "pass"}))
	})
	return nil
}

// personalities returns the MTAs of the matrix.
func personalities() []miltertest.Personality {
	return []miltertest.Personality{miltertest.Postfix(), miltertest.Sendmail()}
}
