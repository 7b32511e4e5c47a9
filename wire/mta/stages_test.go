package mta_test

import (
	"context"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/sluicemail/sluice/wire"
	"github.com/sluicemail/sluice/wire/mta"
)

type step struct {
	stage     mta.Stage
	no, quiet wire.Protocol
	// since is the version that introduced the event, and quietSince the
	// version that introduced its NR bit.
	since, quietSince uint32
	do                func(context.Context, *mta.Conn) (mta.Response, error)
}

func steps() []step {
	return []step{
		{mta.StageConnect, wire.ProtoNoConnect, wire.ProtoNRConn, 2, 6, func(ctx context.Context, c *mta.Conn) (mta.Response, error) {
			return c.Connect(ctx, &wire.Connect{Host: []byte("h"), Family: wire.FamilyUnknown})
		}},
		{mta.StageHelo, wire.ProtoNoHelo, wire.ProtoNRHelo, 2, 6, func(ctx context.Context, c *mta.Conn) (mta.Response, error) {
			return c.Helo(ctx, "h")
		}},
		{mta.StageMail, wire.ProtoNoMail, wire.ProtoNRMail, 2, 6, func(ctx context.Context, c *mta.Conn) (mta.Response, error) {
			return c.Mail(ctx, "<>", "A=B")
		}},
		{mta.StageRcpt, wire.ProtoNoRcpt, wire.ProtoNRRcpt, 2, 6, func(ctx context.Context, c *mta.Conn) (mta.Response, error) {
			return c.Rcpt(ctx, "<a@b>")
		}},
		{mta.StageUnknown, wire.ProtoNoUnknown, wire.ProtoNRUnkn, 3, 6, func(ctx context.Context, c *mta.Conn) (mta.Response, error) {
			return c.Unknown(ctx, "XYZZY")
		}},
		{mta.StageData, wire.ProtoNoData, wire.ProtoNRData, 4, 6, func(ctx context.Context, c *mta.Conn) (mta.Response, error) {
			return c.Data(ctx)
		}},
		{mta.StageHeader, wire.ProtoNoHdrs, wire.ProtoNRHdr, 2, 6, func(ctx context.Context, c *mta.Conn) (mta.Response, error) {
			return c.Header(ctx, "A", " b")
		}},
		{mta.StageEndOfHeaders, wire.ProtoNoEOH, wire.ProtoNREOH, 2, 6, func(ctx context.Context, c *mta.Conn) (mta.Response, error) {
			return c.EndOfHeaders(ctx)
		}},
		{mta.StageBody, wire.ProtoNoBody, wire.ProtoNRBody, 2, 6, func(ctx context.Context, c *mta.Conn) (mta.Response, error) {
			return c.Body(ctx, []byte("x\r\n"))
		}},
	}
}

// The MTA does not send events that the filter declined or that the version
// does not have, and it does not wait for replies that the filter does not
// send.
func TestEveryStageByVersion(t *testing.T) {
	t.Parallel()
	for version := uint32(2); version <= 6; version++ {
		for _, s := range steps() {
			for _, want := range []wire.Protocol{0, s.no, s.quiet} {
				offer := mta.PostfixOffer(version)
				want &= offer.Protocol
				f := &filter{protocol: want}
				c := f.negotiated(t, mta.Config{Offer: offer})
				r, err := s.do(context.Background(), c)
				require.NoError(t, err)
				origin := mta.Answered
				switch {
				case version < s.since || want == s.no && want != 0:
					origin = mta.NotSent
				case want == s.quiet && want != 0:
					origin = mta.NotAwaited
				}
				assert.Equal(t, origin, r.Origin, "version %d, %s, %v", version, s.stage, want)
				f.quit(t, c)
				sent := 3
				if origin == mta.NotSent {
					sent = 2
				}
				assert.Len(t, f.commands(), sent, "version %d, %s, %v", version, s.stage, want)
			}
		}
	}
}

func TestOffers(t *testing.T) {
	t.Parallel()
	for version := uint32(2); version <= 6; version++ {
		offer := mta.PostfixOffer(version)
		assert.Equal(t, wire.KnownActions, offer.Actions)
		for _, s := range steps() {
			assert.Equal(t, version >= s.since, offer.Protocol.Has(s.no), "version %d, %s", version, s.stage)
			assert.Equal(t, version >= s.quietSince, offer.Protocol.Has(s.quiet), "version %d, %s", version, s.stage)
		}
		assert.Equal(t, version >= 6, offer.Protocol.Has(wire.ProtoSkip|wire.ProtoRcptRej|wire.ProtoHdrLeadSpc))
	}
	assert.Equal(t, mta.Offer{Version: 6, Actions: 0x1FF, Protocol: 0x1FFFFF}, mta.SendmailOffer())
}

func TestHeaderLeadingSpace(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		protocol  wire.Protocol
		in, heard string
	}{
		{0, " one", `"one"`},
		{0, "  two", `" two"`},
		{0, "\ttab", `"\ttab"`},
		{0, "none", `"none"`},
		{0, "", `""`},
		{wire.ProtoHdrLeadSpc, " one", `" one"`},
	} {
		f := &filter{protocol: tt.protocol}
		c := f.negotiated(t, mta.Config{})
		_, err := c.Header(context.Background(), "X", tt.in)
		require.NoError(t, err)
		f.quit(t, c)
		assert.Equal(t, `SMFIC_HEADER "X" `+tt.heard, f.commands()[1])
	}
}

func TestSkipEndsWithTheNextKindOfEvent(t *testing.T) {
	t.Parallel()
	ctx := context.Background()
	f := &filter{on: func(cmd wire.Command) []wire.Reply {
		if cmd.CommandCode() == wire.CmdBody {
			return bare(wire.RepSkip)
		}
		return nil
	}}
	c := f.negotiated(t, mta.Config{})
	for range 2 {
		r, err := c.Body(ctx, nil)
		require.NoError(t, err)
		assert.Equal(t, wire.RepSkip, r.Code)
		r, err = c.Body(ctx, nil)
		require.NoError(t, err)
		assert.Equal(t, mta.Skipped, r.Origin)
		_, _, err = c.EndOfMessage(ctx, []byte("rest\r\n"))
		require.NoError(t, err)
	}
	_, err := c.Body(ctx, nil)
	require.NoError(t, err)
	require.NoError(t, c.Abort())
	r, err := c.Body(ctx, nil)
	require.NoError(t, err)
	assert.Equal(t, wire.RepSkip, r.Code)

	c = (&filter{on: answer(wire.CmdBody, bare(wire.RepSkip)...)}).negotiated(t, mta.Config{Offer: mta.PostfixOffer(4)})
	_, err = c.Body(ctx, nil)
	require.Error(t, err, "it was not offered")
}

func TestRaw(t *testing.T) {
	t.Parallel()
	ctx := context.Background()
	f := &filter{}
	c := f.negotiated(t, mta.Config{})
	c.Frame(byte(wire.CmdHelo), []byte("a\x00"))
	r, err := c.ReadReply(ctx)
	require.NoError(t, err)
	assert.Equal(t, wire.RepContinue, r.ReplyCode())
	require.NoError(t, c.Raw(ctx, []byte{0, 0, 0, 3, 'H', 'b', 0}))
	r, err = c.ReadReply(ctx)
	require.NoError(t, err)
	assert.Equal(t, wire.RepContinue, r.ReplyCode())
	f.quit(t, c)
	assert.Equal(t, []string{`SMFIC_HELO "a"`, `SMFIC_HELO "b"`, `SMFIC_QUIT`}, f.commands()[1:])
}

// Commands without a reply are written together with the next command that has
// one, but not more than the buffer allows.
func TestPipelining(t *testing.T) {
	t.Parallel()
	ctx := context.Background()
	f := &filter{protocol: wire.ProtoNRHdr | wire.ProtoNRMail}
	c := f.negotiated(t, mta.Config{})
	_, err := c.Mail(ctx, "<>")
	require.NoError(t, err)
	_, err = c.Header(ctx, "A", "b")
	require.NoError(t, err)
	assert.Len(t, f.commands(), 1, "only the negotiation was written")
	require.NoError(t, c.Flush(ctx))
	_, err = c.EndOfHeaders(ctx)
	require.NoError(t, err)
	assert.Len(t, f.commands(), 4)
	for range 20 {
		_, err = c.Header(ctx, "A", strings.Repeat("y", 1000))
		require.NoError(t, err)
	}
	f.quit(t, c)
	assert.Len(t, f.commands(), 25)
}

func TestResponse(t *testing.T) {
	t.Parallel()
	reply, err := wire.NewSMTPReply(550, "5.7.1", "100%", "no")
	require.NoError(t, err)
	r := mta.Response{Code: wire.RepReplyCode, SMTP: &reply, Origin: mta.Answered}
	assert.Equal(t, "SMFIR_REPLYCODE 550-5.7.1 100% / 550 5.7.1 no", r.String())
	assert.Equal(t, "no reply", mta.Response{Code: wire.RepContinue, Origin: mta.NotAwaited}.String())
	assert.Equal(t, "SMFIR_SKIP", mta.Response{Code: wire.RepSkip, Origin: mta.Answered}.String())
	assert.Equal(t, "Postfix", mta.Postfix.String())
	assert.Equal(t, "Sendmail", mta.Sendmail.String())
}
