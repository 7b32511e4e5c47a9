package main_test

import (
	"encoding/json"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"regexp"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.uber.org/fx"
	"go.uber.org/fx/fxtest"

	main "github.com/sluicemail/sluice/examples/fxapp"
	"github.com/sluicemail/sluice/examples/internal/inspecting"
	"github.com/sluicemail/sluice/framework/inspect/record"
	"github.com/sluicemail/sluice/framework/milterfx"
	"github.com/sluicemail/sluice/framework/miltertest/testproc"
)

// TestInspect shows who refused a message.
func TestInspect(t *testing.T) {
	t.Parallel()
	var (
		status *milterfx.Status
		log    testproc.Buffer
	)
	settings := main.Settings{
		Listen: []string{"inet:0@127.0.0.1"}, Inspect: inspecting.Settings{Address: "127.0.0.1:0"},
		Deny: denylist(t), Stamp: "X-Seen", Drain: time.Minute,
	}
	app := fxtest.New(t, main.Application(settings, slog.New(slog.NewTextHandler(&log, nil))), fx.Populate(&status))
	app.RequireStart()
	defer app.RequireStop()
	page := regexp.MustCompile(`msg="serving inspector" address=(\S+)`).FindStringSubmatch(log.String())
	require.NotNil(t, page)
	refused, _ := deliver(t, "inet:"+status.Addrs()[0].String(), "<eve@denied.example>")
	assert.True(t, refused)

	var list struct{ Messages []record.Summary }
	require.Eventually(t, func() bool { // a message is recorded when its answer is on the way
		res, err := http.Get("http://" + page[1] + "/api/messages")
		require.NoError(t, err)
		text, err := io.ReadAll(res.Body)
		require.NoError(t, errors.Join(err, res.Body.Close()))
		require.NoError(t, json.Unmarshal(text, &list))
		return len(list.Messages) == 1
	}, time.Minute, 10*time.Millisecond)
	assert.Equal(t, record.StateRejected, list.Messages[0].Outcome.State)
	assert.Equal(t, "bouncer", list.Messages[0].Outcome.Verdict.Filter)
	http.DefaultClient.CloseIdleConnections()
}
