//go:build integration

package trial_test

import (
	"log/slog"
	"net/netip"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/sluicemail/sluice/examples/sluiced/internal/trial"
	"github.com/sluicemail/sluice/framework"
	"github.com/sluicemail/sluice/framework/miltertest/realmta"
	"github.com/sluicemail/sluice/wire/mta"
)

// TestLikeRealServers compares trials with what Postfix and Sendmail do with the same filters
// and messages: the reply to the client, and the message that is delivered.
func TestLikeRealServers(t *testing.T) {
	t.Parallel()
	for name, start := range realmta.Each(realmta.Config{}) {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			server := start(t)
			gate := realmta.OpenGate(t, server.Listen(t, "unix"))
			server.SetFilters(t, gate.Addr())
			for name, d := range decisions() {
				compareReal(t, server, gate, name, d.filter, text)
			}
			for name, e := range editings() {
				compareReal(t, server, gate, "edit: "+name, e.filter, text)
			}
			for name, text := range texts() {
				compareReal(t, server, gate, "text: "+name, editings()["insert"].filter, text)
				compareReal(t, server, gate, "text, new body: "+name, editings()["body"].filter, text)
			}
		})
	}
}

func compareReal(t *testing.T, server realmta.MTA, gate *realmta.Gate, name string, fn register, text string) {
	t.Helper()
	t.Run(name, func(t *testing.T) {
		srv, err := framework.NewServer(router(fn), framework.Config{Logger: slog.New(slog.DiscardHandler)})
		require.NoError(t, err)
		defer func() { _ = srv.Close() }()
		gate.Serve(srv.ServeConn)
		server.Sink().Reset()
		flavor := mta.Postfix
		if server.Name() == "sendmail" {
			flavor = mta.Sendmail
		}
		m := letter(text)
		m.Client, m.Helo = netip.MustParseAddr("127.0.0.1"), "client.example.org"
		want, err := trial.Run(t.Context(), router(fn), config(flavor), m)
		require.NoError(t, err)

		reply := deliver(t, server.Addr(), text)
		if want.Reply.Code > 0 {
			checkReply(t, flavor, want.Reply, reply)
			return
		}
		assert.Equal(t, "250", reply[:3])
		if want.Action != trial.Accept {
			return // held or discarded
		}
		got := server.Sink().Await(t, func(realmta.Delivered) bool { return true })
		assert.Equal(t, want.Sender, got.From)
		assert.ElementsMatch(t, want.Recipients, got.To)
		delivered := string(got.WithoutTrace())
		if len(want.Body) == 0 { // the servers differ in whether an empty line ends the header
			delivered = strings.TrimRight(delivered, "\r\n") + "\r\n\r\n"
		}
		assert.Equal(t, asDelivered(want), delivered)
	})
}

// checkReply compares a reply. If the filter has composed none, Sendmail has words of its own,
// and its own code of the same class. So has Postfix in its greeting.
func checkReply(t *testing.T, flavor mta.Flavor, want trial.Reply, got string) {
	t.Helper()
	composed := !slices.Contains([]string{"Command rejected", "Service unavailable - try again later"}, want.Text)
	if !composed && (flavor == mta.Sendmail || strings.Contains(got, "ESMTP")) {
		assert.Equal(t, want.String()[:1], got[:1])
		return
	}
	got = strings.ReplaceAll(got, "/ "+want.Status+" ", "/ ")                                       // each line has the status
	got = strings.NewReplacer("<ann@example.org>... ", "", "<cy@example.net>... ", "").Replace(got) // by Sendmail
	assert.Equal(t, want.String(), got)
}

// deliver sends a message as an SMTP client does, and returns the reply that decides.
func deliver(t *testing.T, addr, text string) string {
	t.Helper()
	c := realmta.DialSMTP(t, addr)
	defer c.Close()
	code, reply := c.Greeting()
	for _, line := range []string{"EHLO client.example.org", "MAIL FROM:<ann@example.org>"} {
		if code/100 == 2 {
			code, reply = c.Cmd(line)
		}
	}
	if code/100 == 2 {
		first, _ := c.Cmd("RCPT TO:<bob@example.net>")
		if code, reply = c.Cmd("RCPT TO:<cy@example.net>"); first == 250 || code == 250 {
			text = strings.ReplaceAll(text, "\r\n", "\n")
			code, reply = c.Data([]byte(strings.ReplaceAll(text, "\n", "\r\n")))
		}
	}
	return trial.Reply{Code: code, Text: strings.ReplaceAll(reply, "\n", " / ")}.String()
}

// asDelivered returns the message as text.
func asDelivered(r *trial.Result) string {
	var b strings.Builder
	for _, f := range r.Header {
		b.WriteString(f.Name + ":" + strings.ReplaceAll(f.Value, "\n", "\r\n") + "\r\n")
	}
	return b.String() + "\r\n" + string(r.Body)
}
