package dkim_test

import (
	"log/slog"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/sluicemail/sluice/contrib/dkim"
	"github.com/sluicemail/sluice/framework"
	"github.com/sluicemail/sluice/framework/miltertest"
	"github.com/sluicemail/sluice/framework/miltertest/testproc"
)

// logged sends a message several times over one connection. It returns how many lines with
// the text the log has from the level INFO on, and how many at all levels.
func logged(t *testing.T, c logTest, times int) (shown, all int) {
	t.Helper()
	f, err := c.build(c.cfg)
	require.NoError(t, err)
	var lines testproc.Buffer
	srv := miltertest.NewServer(t, f, miltertest.Configure(func(cfg *framework.Config) {
		cfg.Logger = slog.New(slog.NewTextHandler(&lines, &slog.HandlerOptions{Level: slog.LevelDebug}))
	}))
	conn := srv.Dial(t)
	for range times {
		_, err := conn.Send(t.Context(), c.msg)
		require.NoError(t, err)
	}
	for line := range strings.Lines(lines.String()) {
		if strings.Contains(line, c.text) {
			all++
			if !strings.Contains(line, "level=DEBUG") {
				shown++
			}
		}
	}
	return shown, all
}

// Operators see a line for each message that was signed or verified.
func TestLogOfEachMessage(t *testing.T) {
	t.Parallel()
	for name, c := range logTests(t) {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			shown, all := logged(t, c, 3)
			assert.Equal(t, 3*c.lines, all)
			if c.hidden {
				assert.Zero(t, shown)
				return
			}
			assert.Equal(t, 3*c.lines, shown)
		})
	}
}

// An MTA does not fill the log with forged results. Messages that were signed or verified
// have their lines, as they have in the log of the MTA.
func TestLogIsBounded(t *testing.T) {
	t.Parallel()
	const most = 600 // of one kind and minute: see framework.Session.BoundedLogger
	for name, c := range logTests(t) {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			shown, all := logged(t, c, most/c.lines+200)
			switch {
			case c.hidden:
				assert.Zero(t, shown)
			case name == "forged":
				assert.Equal(t, most, shown)
			default:
				assert.Equal(t, most+200*c.lines, shown)
				assert.Equal(t, all, shown)
			}
		})
	}
}

type logTest struct {
	build  func(dkim.Config) (*dkim.Filter, error)
	cfg    dkim.Config
	msg    *messageOf
	text   string
	lines  int  // for a message
	hidden bool // below the level INFO
}

func logTests(t *testing.T) map[string]logTest {
	t.Helper()
	verifying := dkim.Config{Verifying: dkim.Verifying{AuthservID: "mx.example.net", Resolver: zone{}}}
	keys := make([]dkim.Key, 5)
	for i := range keys {
		keys[i] = key(t, "example.org", "s"+strconv.Itoa(i), "ed25519")
	}
	malformed := strings.Repeat("DKIM-Signature: v=1; d=example.org\n", 5)
	forged := strings.Repeat("Authentication-Results: mx.example.net; dkim=pass\n", 2)
	return map[string]logTest{
		"signed":       {dkim.NewSigner, dkim.Config{Signing: forExample(keys...)}, fromHere(fromAnn + "\nx\n"), "msg=signed", 5, false},
		"verified":     {dkim.NewVerifier, verifying, miltertest.Message(malformed + fromAnn + "\nx\n"), "msg=verified", 5, false},
		"no signature": {dkim.NewVerifier, verifying, miltertest.Message(fromAnn + "\nx\n"), "msg=verified", 1, true},
		"forged":       {dkim.NewVerifier, verifying, miltertest.Message(forged + fromAnn + "\nx\n"), `msg="forged results removed"`, 1, false},
	}
}
