package framework_test

import (
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"

	"github.com/sluicemail/sluice/framework"
	"github.com/sluicemail/sluice/framework/miltertest"
)

// If the reader of a new body hangs, the framework replies to the MTA in time,
// as with a handler that hangs.
func TestReplaceBodyHangs(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		began := time.Now()
		released := make(chan struct{})
		srv := miltertest.NewServer(t, atEnd(false, func(s *framework.Session, g grants) error {
			return g.body.ReplaceFrom(s, blocking(released))
		}), miltertest.Configure(func(cfg *framework.Config) {
			cfg.MessageTimeout, cfg.HangGrace = time.Minute, time.Second
		}))
		res := srv.Dial(t).Run(t, miltertest.Message(fourFields))
		res.AssertTempFailed(t)
		assert.Empty(t, res.Modifications)
		assert.InDelta(t, time.Minute, time.Since(began), float64(5*time.Second))
		close(released)
	})
}

// blocking is a reader that never returns.
type blocking chan struct{}

func (b blocking) Read([]byte) (int, error) {
	<-b
	return 0, errBroken
}

// Each limit of a message is exact to the byte, so that a client cannot use up
// the memory of the others.
func TestLimits(t *testing.T) {
	t.Parallel()
	const header = len("Received" + "r" + "X-A" + "1" + "X-B" + "2" + "x-a" + "3")
	headers := func(r *framework.Router) error { r.WantHeaders(); r.OnEndOfMessage(goesOn); return nil }
	observer := func(r *framework.Router) error { r.ObserveHeader(watches); return nil }
	envelope := func(r *framework.Router) error { r.WantEnvelope(); r.OnEndOfMessage(goesOn); return nil }
	body := func(r *framework.Router) error { r.WantBody(); r.OnEndOfMessage(goesOn); return nil }
	whole := func(r *framework.Router) error { r.WantMessage(); r.OnEndOfMessage(goesOn); return nil }
	maxHeaders := func(cfg *framework.Config, n int) { cfg.MaxHeaders = n }
	maxHeaderBytes := func(cfg *framework.Config, n int) { cfg.MaxHeaderBytes = n }
	memory := func(cfg *framework.Config, n int) { cfg.MemoryBudget = int64(n) }
	const (
		largeHeader = "552 5.3.4 message header too large for the mail filter"
		largeBody   = "552 5.3.4 message body too large for the mail filter"
		noRoom      = "452 4.3.1 the mail filter is short of storage, try again later"
	)
	tests := []struct {
		name string
		want func(r *framework.Router) error
		set  func(cfg *framework.Config, n int)
		size int // the size of the message
		over string
		in   framework.Stats // the statistics after the message
	}{
		{"fields kept", headers, maxHeaders, 4, largeHeader, framework.Stats{TooLarge: 1}},
		{"fields shown", observer, maxHeaders, 4, largeHeader, framework.Stats{TooLarge: 1}},
		{"bytes of a header kept", headers, maxHeaderBytes, header, largeHeader, framework.Stats{TooLarge: 1}},
		{"bytes of a header of a message", whole, maxHeaderBytes, header + len("    "), largeHeader, framework.Stats{TooLarge: 1}},
		{"bytes of a body of a message", whole, func(cfg *framework.Config, n int) { cfg.MaxSpool = int64(n) }, len("body\r\n"), largeBody, framework.Stats{TooLarge: 1}},
		{"bytes of a header shown", observer, maxHeaderBytes, header, largeHeader, framework.Stats{TooLarge: 1}},
		{"memory for a header", headers, memory, header + 4*160, largeHeader, framework.Stats{TooLarge: 1}},
		{"memory for an envelope", envelope, memory, len("sender@example.org") + len("<recipient@example.org>") + 16, noRoom, framework.Stats{NoRoom: 1}},
		{"bytes of a body", body, func(cfg *framework.Config, n int) { cfg.MaxSpool = int64(n) }, len("body\r\n"), largeBody, framework.Stats{TooLarge: 1}},
		{"the disk", body, func(cfg *framework.Config, n int) { cfg.MemoryBudget, cfg.DiskBudget = 1, int64(n) }, len("body\r\n"), largeBody, framework.Stats{TooLarge: 1}},
	}
	msg := miltertest.Message(fourFields, miltertest.From("sender@example.org"), miltertest.To("recipient@example.org"))
	for _, tt := range tests {
		for _, d := range []int{-1, 0, 1} {
			t.Run(fmt.Sprintf("%s %+d", tt.name, d), func(t *testing.T) {
				t.Parallel()
				srv := newKeeper(t, chain(tt.want), func(cfg *framework.Config) { tt.set(cfg, tt.size+d) })
				got, stats := srv.send(msg), srv.Stats()
				if d < 0 {
					assert.Equal(t, tt.over, got)
					counted := framework.Stats{NoRoom: stats.NoRoom, TooLarge: stats.TooLarge}
					assert.Equal(t, tt.in, counted)
					return
				}
				assert.Equal(t, "accepted", got)
				assert.Zero(t, stats.NoRoom+stats.TooLarge)
			})
		}
	}
}

// If a body cannot be kept for a later lane, the message is refused
// temporarily.
func TestNoRoomForTheBody(t *testing.T) {
	t.Parallel()
	r := chain(
		func(r *framework.Router) error { r.GrantReplaceBody(); return nil },
		func(r *framework.Router) error { r.ObserveBody(watches); return nil },
	)
	res := miltertest.RunRouter(t, r, miltertest.Message("A: b\n\n"+strings.Repeat("0123456789\n", 100)), miltertest.Configure(func(cfg *framework.Config) {
		cfg.SpoolMemory, cfg.SpoolDir = 10, t.TempDir()+"/missing"
	}))
	assert.Contains(t, res.Reply(), "451 4.3.0 ")
	assert.Contains(t, res.Logs.String(), "body not kept")
}
