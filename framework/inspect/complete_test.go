package inspect_test

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/sluicemail/sluice/framework"
	"github.com/sluicemail/sluice/framework/inspect"
	"github.com/sluicemail/sluice/framework/inspect/record"
	"github.com/sluicemail/sluice/wire"
	"github.com/sluicemail/sluice/wire/mta"
)

// With Complete a record has the client, the envelope and the header, although the filter asks
// for nothing but the end of the message. The mail server waits no more often than without, and
// one that would have to wait sends no more.
func TestComplete(t *testing.T) {
	t.Parallel()
	usual, waits := mta.PostfixOffer(wire.MaxVersion), mta.PostfixOffer(wire.MaxVersion)
	waits.Protocol &^= wire.ProtoNRMail | wire.ProtoNRHdr
	const envelope = wire.ProtoNoConnect | wire.ProtoNoHelo | wire.ProtoNoMail | wire.ProtoNoRcpt
	for name, c := range map[string]struct {
		config          inspect.Config
		offer           mta.Offer
		sent            wire.Protocol // the stages that the mail server sends
		sender, subject string
	}{
		"not complete":  {inspect.Config{}, usual, 0, "", ""},
		"complete":      {inspect.Config{Complete: true}, usual, envelope | wire.ProtoNoHdrs, "<ann@example.org>", "lunch"},
		"no header":     {inspect.Config{Complete: true, Content: record.ContentNone}, usual, envelope, "<ann@example.org>", ""},
		"it would wait": {inspect.Config{Complete: true}, waits, envelope &^ wire.ProtoNoMail, "", ""},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			in := newInspector(t, c.config)
			r := framework.NewRouter()
			add := r.GrantAddHeader()
			r.OnEndOfMessage(func(s *framework.Session, _ *framework.EndOfMessage) (framework.Verdict, error) {
				return framework.Continue, add.Append(s, "X", "1")
			})
			srv, err := framework.NewServer(r, framework.Config{Recorder: in})
			require.NoError(t, err)
			ln, err := framework.Listen("inet:0@127.0.0.1")
			require.NoError(t, err)
			served := make(chan error, 1)
			go func() { served <- srv.Serve(ln) }()

			conn, err := mta.Dial(t.Context(), "inet:"+ln.Addr().String(), mta.Config{Offer: c.offer})
			require.NoError(t, err)
			nego, ok := conn.Negotiated()
			require.True(t, ok)
			const stages = envelope | wire.ProtoNoHdrs
			assert.Equal(t, c.sent, stages&^nego.Protocol)
			out, err := conn.Send(t.Context(), &mta.Message{
				Client: mta.Client{Addr: "192.0.2.1"}, Helo: "mail.example.org", Sender: mta.Address{Addr: "<ann@example.org>"},
				Recipients: []mta.Recipient{{Addr: "<bob@example.net>"}}, Header: []mta.Field{{Name: "Subject", Value: " lunch"}},
			})
			require.NoError(t, err)
			require.NoError(t, conn.Quit(t.Context()))
			assert.Len(t, out.Modifications, 1)
			for _, s := range out.Steps {
				if s.Stage != mta.StageEndOfMessage {
					assert.NotEqual(t, mta.Answered, s.Origin, "%v", s.Stage)
				}
			}
			require.NoError(t, srv.Shutdown(t.Context()))
			require.ErrorIs(t, <-served, framework.ErrServerClosed)

			list := list(t, in, "")
			require.Len(t, list, 1)
			assert.Equal(t, c.sender, list[0].Sender)
			assert.Equal(t, c.subject, list[0].Subject)
			if c.sender != "" {
				assert.Equal(t, "192.0.2.1", list[0].Client.Addr)
				assert.Equal(t, "mail.example.org", list[0].Client.Helo)
				assert.Equal(t, "<bob@example.net>", list[0].Recipients[0].Address)
			}
		})
	}
}
