//go:build integration

package replay_test

import (
	"context"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"net"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/sluicemail/sluice/framework"
	"github.com/sluicemail/sluice/framework/inspect"
	"github.com/sluicemail/sluice/framework/inspect/record"
	"github.com/sluicemail/sluice/framework/miltertest/realmta"
	"github.com/sluicemail/sluice/framework/miltertest/replay"
)

// deliver sends mail over one connection. A refusal is what the test is about.
func deliver(t *testing.T, mta realmta.MTA, mails []mail) {
	t.Helper()
	c := realmta.DialSMTP(t, mta.Addr())
	defer c.Close()
	code, text := c.Cmd("EHLO client.example.test")
	require.Equal(t, 250, code, text)
	for i := range mails {
		m := &mails[i]
		if code, _ := c.Cmd("MAIL FROM:<" + m.sender + "> BODY=8BITMIME"); code == 250 {
			accepted := 0
			for _, rcpt := range m.rcpts {
				if code, _ := c.Cmd("RCPT TO:<" + rcpt + ">"); code == 250 {
					accepted++
				}
			}
			if accepted > 0 {
				_, _ = c.Data(m.message().Bytes())
			}
		}
		_, _ = c.Cmd("RSET")
	}
	_, _ = c.Cmd("QUIT")
}

// Mail that the recorder recorded behind a real mail server, against the same filter and
// against changed ones, as that server and as another.
func TestRealMTA(t *testing.T) {
	t.Parallel()
	for name, start := range realmta.Each(realmta.Config{}) {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			server := start(t)
			folder := t.TempDir()
			inspector, err := inspect.New(inspect.Config{Folder: folder, Content: record.ContentAll})
			require.NoError(t, err)
			r := framework.NewRouter()
			r.Mount(full())
			srv, err := framework.NewServer(r, framework.Config{Logger: slog.New(slog.DiscardHandler), Recorder: inspector})
			require.NoError(t, err)
			listener := server.Listen(t, "unix")
			go func() { _ = srv.Serve(listener) }()
			server.SetFilters(t, listener.Addr())

			source := rand.New(rand.NewPCG(5, 6))
			mails := make(map[string]*mail)
			const connections, each = 12, 10
			for c := range connections {
				var list []mail
				for i := range each {
					m := draw(source, c*each+i)
					m.client, m.refuse, m.sender = "127.0.0.1", false, fmt.Sprintf("n%d-%s", m.number, m.sender)
					list = append(list, m)
					mails["<"+m.sender+">"] = &list[i]
				}
				deliver(t, server, list)
			}
			ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
			defer cancel()
			require.NoError(t, srv.Shutdown(ctx))
			require.NoError(t, inspector.Close())

			for name, change := range changes() {
				for _, as := range []string{"", "sendmail", "postfix"} {
					p := full()
					change(&p)
					againstModel(t, folder, quiet(t, p), as, func(sender string) bool {
						m := mails[sender]
						require.NotNil(t, m, sender)
						return fateOf(full(), m) != fateOf(p, m)
					}, connections*each, server.Name()+"/"+name+"/as "+as)
				}
			}
		})
	}
}

// againstModel replays the records in a folder and compares which differ with a model.
func againstModel(t *testing.T, folder string, dial func(context.Context) (net.Conn, error), as string, model func(sender string) bool, count int, name string) {
	t.Helper()
	cfg := replay.Config{Dial: dial, AsksForMacros: true, Connections: 2}
	if as != "" {
		other, err := replay.Personality(as)
		require.NoError(t, err)
		cfg.MTA = &other
	}
	seen := 0
	_, err := replay.Run(t.Context(), cfg, record.Open(folder), func(res *replay.Result) error {
		if res.Sender == "" {
			return nil // a session that ended without a message
		}
		seen++
		assert.Empty(t, res.NotReplayable, name)
		assert.Equal(t, model(res.Sender), res.Differs(), "%s: %s", name, res.Text())
		return nil
	})
	require.NoError(t, err)
	assert.Equal(t, count, seen, strings.ToLower(name))
}
