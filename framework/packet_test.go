package framework_test

import (
	"bytes"
	"fmt"
	"strings"
	"testing"
	"testing/synctest"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/sluicemail/sluice/framework"
	"github.com/sluicemail/sluice/framework/miltertest"
	"github.com/sluicemail/sluice/wire"
	"github.com/sluicemail/sluice/wire/mta"
)

const bothSizes = wire.ProtoMDS256K | wire.ProtoMDS1M

// largePackets makes the server request packets of the given size.
func largePackets(size int) miltertest.Option {
	return miltertest.Configure(func(cfg *framework.Config) { cfg.MaxPacket = size })
}

// sendmailWith is a Sendmail that offers additional options.
func sendmailWith(bits wire.Protocol) miltertest.Option {
	return miltertest.As(miltertest.Sendmail().Offering(bits))
}

// Large packets are requested by one option if the server is configured for
// them and the MTA offers them. The body then arrives in them.
func TestLargePackets(t *testing.T) {
	t.Parallel()
	body := strings.Repeat("0123456789abcde\r\n", 700_000/17)
	for name, c := range map[string]struct {
		wanted int
		offer  wire.Protocol
		asked  wire.Protocol
		chunks []int
	}{
		"by default none":              {0, bothSizes, 0, nil},
		"none is offered":              {1 << 20, 0, 0, nil},
		"256 KiB":                      {256 << 10, bothSizes, wire.ProtoMDS256K, []int{262143, 262143, 175706}},
		"not quite 1 MiB":              {1<<20 - 1, bothSizes, wire.ProtoMDS256K, []int{262143, 262143, 175706}},
		"1 MiB":                        {1 << 20, bothSizes, wire.ProtoMDS1M, []int{699992}},
		"1 MiB, where 256 are offered": {1 << 20, wire.ProtoMDS256K, wire.ProtoMDS256K, []int{262143, 262143, 175706}},
		"256 KiB, where 1 is offered":  {256 << 10, wire.ProtoMDS1M, 0, nil},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var chunks []int
			var whole bytes.Buffer
			filter := miltertest.FilterFunc("sizes", func(r *framework.Router) error {
				r.ObserveBody(func(_ *framework.Session, b *framework.Body) error {
					chunks = append(chunks, len(b.Chunk()))
					whole.Write(b.Chunk())
					return nil
				})
				return nil
			})
			msg := miltertest.Message("A: b\n\n" + body)
			res := miltertest.Run(t, filter, msg, largePackets(c.wanted), sendmailWith(c.offer))
			res.AssertAccepted(t)
			assert.Equal(t, c.asked, res.Negotiated.Protocol&bothSizes)
			assert.True(t, bytes.Equal([]byte(body), whole.Bytes()))
			if c.chunks == nil {
				assert.Len(t, chunks, 11)
				return
			}
			assert.Equal(t, c.chunks, chunks)
		})
	}
}

// A frame may be as large as was negotiated, and not larger.
func TestPacketLimit(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		wanted int
		limit  int
	}{
		"nothing wanted": {0, 128 << 10}, "256 KiB": {256 << 10, wire.Limit256K}, "1 MiB": {1 << 20, wire.Limit1M},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			filter := miltertest.FilterFunc("body", func(r *framework.Router) error {
				r.OnBody(goesOn)
				return nil
			})
			srv := miltertest.NewServer(t, filter, largePackets(c.wanted), sendmailWith(bothSizes))
			conn := srv.Dial(t)
			conn.Frame(byte(wire.CmdBody), make([]byte, c.limit-1))
			reply, err := conn.ReadReply(t.Context())
			require.NoError(t, err)
			assert.Equal(t, wire.RepContinue, reply.ReplyCode())
			conn.Frame(byte(wire.CmdBody), make([]byte, c.limit))
			_, err = conn.ReadReply(t.Context())
			require.Error(t, err)
			srv.Close(t)
			record, _ := srv.Logs().Find("MTA connection broke the protocol")
			reason, _ := miltertest.LogAttr(record, "reason")
			assert.Contains(t, reason.String(), fmt.Sprintf("a length of %d where %d is the most", c.limit+1, c.limit))
		})
	}
}

// If a handler hangs, the fallback accepts packets of the negotiated size.
func TestLargePacketsBesideAHang(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		release := make(chan struct{})
		filter := miltertest.FilterFunc("hangs", func(r *framework.Router) error {
			r.ObserveEndOfHeaders(func(*framework.Session, *framework.EndOfHeaders) error {
				<-release
				return nil
			})
			r.OnBody(goesOn)
			return nil
		})
		srv := miltertest.NewServer(t, filter, largePackets(1<<20), sendmailWith(bothSizes))
		msg := miltertest.Message("A: b\n\n" + strings.Repeat("x", 1<<20-1))
		res := srv.Dial(t).Run(t, msg)
		assert.Equal(t, policyReply, res.Reply())
		assert.Equal(t, mta.StageBody, res.DecidedAt)
		close(release)
		srv.Close(t)
	})
}
