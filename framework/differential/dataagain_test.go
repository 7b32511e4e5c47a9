//go:build integration

package differential_test

import (
	"context"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/sluicemail/sluice/wire"
	"github.com/sluicemail/sluice/wire/mta"
)

// libmilter accepts neither RCPT nor DATA after DATA and does not reply to
// them. The MTA waits until its timeout and then refuses temporarily.
func TestDataAgain(t *testing.T) {
	t.Parallel()
	for name, say := range map[string]func(context.Context, *mta.Conn) (mta.Response, error){
		"RCPT": func(ctx context.Context, c *mta.Conn) (mta.Response, error) { return c.Rcpt(ctx, "<c@example.net>") },
		"DATA": func(ctx context.Context, c *mta.Conn) (mta.Response, error) { return c.Data(ctx) },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			again := func(program string) (mta.Response, error) {
				filter := start(t, program, nil)
				defer filter.stop()
				conn, ctx := mta.NewConn(filter.dial(t), mta.Config{CommandTimeout: 5 * time.Second}), t.Context()
				defer func() { _ = conn.Close() }()
				require.NoError(t, conn.Negotiate(ctx))
				_, err := conn.Mail(ctx, "<a@example.org>")
				require.NoError(t, err)
				_, err = conn.Rcpt(ctx, "<b@example.net>")
				require.NoError(t, err)
				_, err = conn.Data(ctx)
				require.NoError(t, err)
				return say(ctx, conn)
			}
			_, err := again(theirs)
			require.ErrorContains(t, err, "no answer to SMFIC_"+name)
			resp, err := again(ours)
			require.NoError(t, err)
			assert.Equal(t, wire.RepContinue, resp.Code)
		})
	}
}
