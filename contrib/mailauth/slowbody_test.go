package mailauth_test

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/sluicemail/sluice/contrib/mailauth"
	"github.com/sluicemail/sluice/contrib/resolver/resolvertest"
	"github.com/sluicemail/sluice/framework"
	"github.com/sluicemail/sluice/framework/miltertest"
	"github.com/sluicemail/sluice/wire"
)

// A client that sends the body slowly changes no result.
func TestSlowBody(t *testing.T) {
	t.Parallel()
	msg := signed(t, miltertest.Message("From: ann@good.example\nSubject: hello\n\nx\n"), "good.example")
	zone := keyZone(t, "good.example") + "_dmarc.good.example. TXT \"v=DMARC1; p=reject\"\n"
	synctest.Test(t, func(t *testing.T) {
		var got *mailauth.Summary
		a, err := mailauth.New(mailauth.Config{
			Resolver: resolvertest.New(t, zone), AuthservID: "mx.example.net", Observe: func(sum *mailauth.Summary) { got = sum },
		})
		require.NoError(t, err)
		r := framework.NewRouter()
		a.Mount(r)
		conn := miltertest.NewRouterServer(t, r, miltertest.Configure(func(cfg *framework.Config) { cfg.MaxAsync = 1 })).Dial(t)
		ctx := t.Context()
		_, err = conn.Connect(ctx, &wire.Connect{Host: []byte("client.example.org"), Family: wire.FamilyInet, Port: 25, Address: []byte("192.0.2.1")})
		require.NoError(t, err)
		_, err = conn.Helo(ctx, "client.example.org")
		require.NoError(t, err)
		_, err = conn.Mail(ctx, "<b@elsewhere.example>")
		require.NoError(t, err)
		for _, f := range msg.Header {
			_, err = conn.Header(ctx, f.Name, f.Value)
			require.NoError(t, err)
		}
		_, err = conn.EndOfHeaders(ctx)
		require.NoError(t, err)
		require.NoError(t, conn.Flush(ctx))
		time.Sleep(time.Minute)
		_, _, err = conn.EndOfMessage(ctx, []byte("x\r\n"))
		require.NoError(t, err)
		require.NoError(t, conn.Close())
		synctest.Wait()
		require.NotNil(t, got)
		require.Len(t, got.DKIM, 1)
		assert.Equal(t, "pass", string(got.DKIM[0].Status), "%+v", got.DKIM[0])
		assert.Equal(t, "pass", string(got.DMARC.Status), "%q", got.DMARC.Reasons)
	})
}
