package systemd_test

import (
	"bytes"
	"log/slog"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"

	"github.com/sluicemail/sluice/framework/systemd"
)

func TestReload(t *testing.T) { //nolint:paralleltest // the environment is shared
	m := newManager(t, 0)
	for status, want := range map[string]string{
		"configuration reloaded":           "configuration reloaded",
		"refused: a\nb":                    "refused: a",
		"refused: \x1b[2J":                 `refused: \x1b[2J`,
		"":                                 "",
		"long " + strings.Repeat("x", 900): "long " + strings.Repeat("x", 495),
	} {
		systemd.Reload(nil, func() string {
			assert.Regexp(t, `^RELOADING=1\nMONOTONIC_USEC=[1-9]\d+$`, m.told(t, soon), "before it begins")
			assert.Empty(t, m.told(t, quietly))
			return status
		})
		assert.Equal(t, "READY=1\nSTATUS="+want, m.told(t, soon))
	}
}

// A reload works if systemd did not start the process, and if systemd is gone.
func TestReloadWithoutSystemd(t *testing.T) {
	m := newManager(t, 0)
	var log bytes.Buffer
	calls := 0
	reload := func() string { calls++; return "x" }
	assert.NoError(t, m.conn.Close())
	systemd.Reload(slog.New(slog.NewTextHandler(&log, nil)), reload)
	assert.Equal(t, 2, strings.Count(log.String(), "cannot notify systemd"))
	t.Setenv("NOTIFY_SOCKET", "")
	systemd.Reload(slog.New(slog.NewTextHandler(&log, nil)), reload)
	assert.Equal(t, 2, strings.Count(log.String(), "cannot notify systemd"))
	assert.Equal(t, 2, calls)
}
