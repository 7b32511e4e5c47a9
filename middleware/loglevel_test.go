package middleware_test

import (
	"log/slog"
	"testing"

	"github.com/stretchr/testify/assert"

	"github.com/sluicemail/sluice/framework"
	"github.com/sluicemail/sluice/framework/miltertest"
	"github.com/sluicemail/sluice/middleware"
)

func TestLoggerMessageLevel(t *testing.T) {
	t.Parallel()
	r := framework.NewRouter()
	r.Use(middleware.Logger(middleware.LoggerConfig{MessageLevel: slog.LevelWarn}))
	r.OnEndOfMessage(func(*framework.Session, *framework.EndOfMessage) (framework.Verdict, error) {
		return framework.Continue, nil
	})
	res := miltertest.RunRouter(t, r, miltertest.Message("From: a@example.org\n\nhi\n"))
	var levels []slog.Level
	for _, rec := range res.Logs {
		if rec.Level > slog.LevelDebug {
			levels = append(levels, rec.Level)
		}
	}
	assert.Equal(t, []slog.Level{slog.LevelWarn}, levels)
}
