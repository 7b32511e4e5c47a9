package framework_test

import (
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"

	"github.com/sluicemail/sluice/framework"
	"github.com/sluicemail/sluice/framework/miltertest"
)

// A new body whose reader hangs is a handler that hangs: the MTA is answered in
// its place, and in time.
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

// blocking is a reader that waits for something that does not come.
type blocking chan struct{}

func (b blocking) Read([]byte) (int, error) {
	<-b
	return 0, errBroken
}

// A header that must be kept is refused when it is larger than is kept; nobody's
// memory is a stranger's to fill.
func TestKeptHeader(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name string
		set  func(cfg *framework.Config)
		keep bool
		want string
	}{
		{"too many fields", func(cfg *framework.Config) { cfg.MaxHeaders = 3 }, true, "552 5.3.4 message header too large for the mail filter"},
		{"too many bytes", func(cfg *framework.Config) { cfg.MaxHeaderBytes = 10 }, true, "552 5.3.4 message header too large for the mail filter"},
		{"just as many", func(cfg *framework.Config) { cfg.MaxHeaders = 4 }, true, ""},
		{"not kept", func(cfg *framework.Config) { cfg.MaxHeaders = 3 }, false, ""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			filter := atEnd(tt.keep, func(*framework.Session, grants) error { return nil })
			res := miltertest.Run(t, filter, miltertest.Message(fourFields), miltertest.Configure(tt.set))
			assert.Equal(t, tt.want, res.Reply())
		})
	}
}

// A body that cannot be kept for a later lane is tried again later.
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
