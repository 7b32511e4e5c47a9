package logattr_test

import (
	"bytes"
	"log/slog"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/sluicemail/sluice/contrib/internal/logattr"
	"github.com/sluicemail/sluice/framework"
	"github.com/sluicemail/sluice/framework/miltertest"
	"github.com/sluicemail/sluice/middleware"
)

func TestOf(t *testing.T) {
	t.Parallel()
	var b bytes.Buffer
	log := slog.New(slog.NewTextHandler(&b, nil))
	log.Info("x", logattr.Of("text", "a"), logattr.Of("none", ""), logattr.Of("number", 5), logattr.Of("zero", 0))
	assert.Contains(t, b.String(), "msg=x text=a number=5\n")
}

// A line has the queue ID once, whether the middleware Macros adds it or the filter.
func TestQueueID(t *testing.T) {
	t.Parallel()
	names := []middleware.MacroName{middleware.MacroQueueID}
	for name, use := range map[string][]framework.Middleware{
		"the filter":           nil,
		"Macros":               {middleware.Macros(middleware.MacrosConfig{Names: names})},
		"Macros without lines": {middleware.Macros(middleware.MacrosConfig{Names: names, NoLog: true})},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := framework.NewRouter()
			r.Use(use...)
			r.WantMacro(framework.StageEndOfMessage, "i")
			r.OnEndOfMessage(func(s *framework.Session, _ *framework.EndOfMessage) (framework.Verdict, error) {
				s.Logger().Info("line", logattr.QueueID(s))
				return framework.Continue, nil
			})
			line, ok := miltertest.RunRouter(t, r, miltertest.Message("Subject: x\r\n\r\ntext\r\n")).Logs.Find("line")
			require.True(t, ok)
			var ids []string
			line.Attrs(func(a slog.Attr) bool {
				if a.Key == "queue_id" {
					ids = append(ids, a.Value.String())
				}
				return true
			})
			require.Len(t, ids, 1)
			assert.NotEmpty(t, ids[0])
		})
	}
}
