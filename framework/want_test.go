package framework_test

import (
	"bytes"
	"fmt"
	"io"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/sluicemail/sluice/framework"
	"github.com/sluicemail/sluice/framework/miltertest"
	"github.com/sluicemail/sluice/wire"
	"github.com/sluicemail/sluice/wire/mta"
)

// kept mounts a filter behind the others that examines the message at its end.
func kept(r *framework.Router, look func(r *framework.Router) func(s *framework.Session)) {
	r.Mount(miltertest.FilterFunc("kept", func(r *framework.Router) error {
		at := look(r)
		r.OnEndOfMessage(func(s *framework.Session, _ *framework.EndOfMessage) (framework.Verdict, error) {
			at(s)
			return framework.Continue, nil
		})
		return nil
	}))
}

func TestWantBody(t *testing.T) {
	t.Parallel()
	big := strings.Repeat("0123456789abcde\r\n", 200_000)
	for name, c := range map[string]struct {
		before func(s *framework.Session, replace framework.BodyReplacer) error
		want   string
	}{
		"the message's": {func(*framework.Session, framework.BodyReplacer) error { return nil }, big},
		"replaced": {func(s *framework.Session, replace framework.BodyReplacer) error {
			return replace.Replace(s, []byte("new\n"))
		}, "new\r\n"},
		"replaced from a reader": {func(s *framework.Session, replace framework.BodyReplacer) error {
			return replace.ReplaceFrom(s, strings.NewReader("read\n"))
		}, "read\r\n"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := framework.NewRouter()
			r.Mount(miltertest.FilterFunc("replacer", func(r *framework.Router) error {
				replace := r.GrantReplaceBody()
				r.OnEndOfMessage(func(s *framework.Session, _ *framework.EndOfMessage) (framework.Verdict, error) {
					return framework.Continue, c.before(s, replace)
				})
				return nil
			}))
			var first, second, early string
			var size int64
			kept(r, func(r *framework.Router) func(*framework.Session) {
				body := r.WantBody()
				r.ObserveEndOfHeaders(func(s *framework.Session, _ *framework.EndOfHeaders) error {
					b, err := io.ReadAll(body.Reader(s))
					early = string(b)
					return err
				})
				return func(s *framework.Session) {
					one, err := io.ReadAll(body.Reader(s))
					require.NoError(t, err)
					two, err := io.ReadAll(body.Reader(s))
					require.NoError(t, err)
					first, second, size = string(one), string(two), body.Size(s)
				}
			})
			res := miltertest.RunRouter(t, r, miltertest.Message("From: a@example.org\n\n"+big), miltertest.AllowWrongStages())
			res.AssertAccepted(t)
			assert.Empty(t, early, "before the end of the message there is none")
			assert.True(t, first == c.want && second == c.want, "read twice, the same")
			assert.Equal(t, int64(len(c.want)), size)
			assert.True(t, res.Negotiated.Protocol.Has(wire.ProtoNRBody), "no answer is awaited")
		})
	}
}

func TestWantBodyTooLarge(t *testing.T) {
	t.Parallel()
	r := framework.NewRouter()
	kept(r, func(r *framework.Router) func(*framework.Session) {
		r.WantBody()
		return func(*framework.Session) { t.Error("the filter was asked") }
	})
	msg := miltertest.Message("From: a@example.org\n\n" + strings.Repeat("x", 2000))
	small := miltertest.Configure(func(cfg *framework.Config) { cfg.MaxSpool = 1000 })
	res := miltertest.RunRouter(t, r, msg, small)
	assert.Equal(t, "552 5.3.4 message body too large for the mail filter", res.Reply())
}

func TestWantClient(t *testing.T) {
	t.Parallel()
	r := framework.NewRouter()
	var seen []string
	kept(r, func(r *framework.Router) func(*framework.Session) {
		client := r.WantClient()
		return func(s *framework.Session) {
			seen = append(seen, fmt.Sprint(client.Host(s), " ", client.Addr(s)))
		}
	})
	conn := miltertest.NewRouterServer(t, r).Dial(t)
	message := func(ip, host string) *mta.Message {
		return miltertest.Message("From: a@example.org\n\nhi\n", miltertest.Client(ip), miltertest.ClientName(host))
	}
	conn.Run(t, message("192.0.2.7", "one.example")).AssertAccepted(t)
	conn.Run(t, message("192.0.2.7", "one.example")).AssertAccepted(t)
	require.NoError(t, conn.QuitNC())
	conn.Run(t, message("2001:db8::7", "two.example")).AssertAccepted(t)
	assert.Equal(t, []string{"one.example 192.0.2.7", "one.example 192.0.2.7", "two.example 2001:db8::7"}, seen)
}

func TestHeadersNamed(t *testing.T) {
	t.Parallel()
	r := framework.NewRouter()
	var values []string
	kept(r, func(r *framework.Router) func(*framework.Session) {
		headers := r.WantHeaders()
		return func(s *framework.Session) {
			for f := range headers.Named(s, "SUBJECT") {
				values = append(values, f.Value)
			}
			f, ok := headers.First(s, "from")
			assert.True(t, ok && f.Is("FROM") && f.Value == "a@example.org")
			_, ok = headers.First(s, "To")
			assert.False(t, ok)
		}
	})
	miltertest.RunRouter(t, r, miltertest.Message("Subject: one\nFrom: a@example.org\nsubject: two\n\nhi\n")).AssertAccepted(t)
	assert.Equal(t, []string{"one", "two"}, values)
}

func TestTooManyRecipients(t *testing.T) {
	t.Parallel()
	r := framework.NewRouter()
	var got []string
	kept(r, func(r *framework.Router) func(*framework.Session) {
		envelope := r.WantEnvelope()
		r.OnRcpt(func(*framework.Session, *framework.Rcpt) (framework.Verdict, error) { return framework.Continue, nil })
		return func(s *framework.Session) { got = envelope.Recipients(s) }
	})
	msg := miltertest.Message("From: a@example.org\n\nhi\n", miltertest.To("a@example.net", "b@example.net", "c@example.net"))
	res := miltertest.RunRouter(t, r, msg, miltertest.Configure(func(cfg *framework.Config) { cfg.MaxRecipients = 2 }))
	res.AssertAccepted(t)
	assert.Equal(t, []string{"a@example.net", "b@example.net"}, got)
	require.Len(t, res.Refused, 1)
	assert.Equal(t, []string{"452 4.5.3 too many recipients for the mail filter"}, res.Refused[0].Response.Lines())
}

// A replayed body chunk is lent to the handler, like an original one.
func TestReplayedBodyIsPoisoned(t *testing.T) {
	t.Parallel()
	r := framework.NewRouter()
	r.Mount(miltertest.FilterFunc("replacer", func(r *framework.Router) error {
		r.GrantReplaceBody()
		return nil
	}))
	var chunk []byte
	kept(r, func(r *framework.Router) func(*framework.Session) {
		r.ObserveBody(func(_ *framework.Session, b *framework.Body) error {
			chunk = b.Chunk()
			assert.Equal(t, "hi\r\n", string(chunk))
			return nil
		})
		return func(*framework.Session) {
			assert.Equal(t, bytes.Repeat([]byte{0xDB}, 4), chunk, "it was kept too long")
		}
	})
	miltertest.RunRouter(t, r, miltertest.Message("From: a@example.org\n\nhi\n")).AssertAccepted(t)
}

// If an MTA does not send DATA, the framework generates the event once, at the
// right place.
func TestDataIsMadeUp(t *testing.T) {
	t.Parallel()
	for _, version := range []uint32{2, 3, 4, 6} {
		t.Run(fmt.Sprint("version ", version), func(t *testing.T) {
			t.Parallel()
			var order []string
			note := func(what string) { order = append(order, what) }
			r := framework.NewRouter()
			r.ObserveRcpt(func(*framework.Session, *framework.Rcpt) error { note("rcpt"); return nil })
			r.OnData(func(*framework.Session, *framework.Data) (framework.Verdict, error) {
				note("data")
				return framework.Reply(550, "5.7.1", "not now")
			})
			r.ObserveHeader(func(*framework.Session, *framework.Header) error { note("header"); return nil })
			res := miltertest.RunRouter(t, r, miltertest.Message("From: a@example.org\n\nhi\n"),
				miltertest.MTA(mta.Config{Offer: mta.PostfixOffer(version)}))
			assert.Equal(t, []string{"rcpt", "data"}, order)
			assert.Equal(t, "550 5.7.1 not now", res.Reply())
		})
	}
}
