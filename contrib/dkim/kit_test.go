package dkim_test

import (
	"io"
	"log/slog"
	"net/netip"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/sluicemail/sluice/contrib/dkim"
	"github.com/sluicemail/sluice/framework"
	"github.com/sluicemail/sluice/framework/miltertest"
	"github.com/sluicemail/sluice/wire"
	"github.com/sluicemail/sluice/wire/mta"
)

type messageOf = mta.Message

// clientOf is a client without an IP address.
func clientOf(host, path string) mta.Client {
	if path == "" {
		return mta.Client{Host: host, Family: wire.FamilyUnknown}
	}
	return mta.Client{Host: host, Family: wire.FamilyUnix, Addr: path}
}

func prefixes(list ...string) []netip.Prefix {
	out := make([]netip.Prefix, len(list))
	for i, p := range list {
		out[i] = netip.MustParsePrefix(p)
	}
	return out
}

// quiet keeps the server from logging.
func quiet() miltertest.Option {
	return miltertest.Configure(func(c *framework.Config) { c.Logger = slog.New(slog.NewTextHandler(io.Discard, nil)) })
}

// sendBody sends a message from this host with a body of n chunks, stage by
// stage. It requires that the message is signed. It returns the most bytes that were
// live on the heap, beyond what was there before.
func sendBody(t *testing.T, conn *mta.Conn, chunk []byte, n int) (most int64) {
	t.Helper()
	before := heap()
	ctx := t.Context()
	step := func(_ mta.Response, err error) { require.NoError(t, err) }
	step(conn.Connect(ctx, &wire.Connect{Host: []byte("localhost"), Family: wire.FamilyInet, Port: 25, Address: []byte("127.0.0.1")}))
	step(conn.Mail(ctx, "<ann@example.org>"))
	step(conn.Rcpt(ctx, "<bob@example.net>"))
	step(conn.Header(ctx, "From", " ann@example.org"))
	step(conn.EndOfHeaders(ctx))
	for i := range n {
		step(conn.Body(ctx, chunk))
		if i%100 == 99 {
			most = max(most, heap()-before)
		}
	}
	_, mods, err := conn.EndOfMessage(ctx, nil)
	require.NoError(t, err)
	require.Len(t, mods, 1)
	return most
}

// selectors returns the selectors with which a signer signs a message.
func selectors(t *testing.T, cfg dkim.Config) []string {
	t.Helper()
	f, err := dkim.NewSigner(cfg)
	require.NoError(t, err)
	return selectorsBy(t, f)
}

func selectorsBy(t *testing.T, f *dkim.Filter) []string {
	t.Helper()
	res := miltertest.Run(t, f, fromHere("From: ann@example.org\n\nx\n"))
	var found []string
	for _, value := range res.HeaderValues("DKIM-Signature") {
		_, rest, _ := strings.Cut(value, "s=")
		selector, _, _ := strings.Cut(rest, ";")
		found = append(found, selector)
	}
	return found
}
