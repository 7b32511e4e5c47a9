package redisstore

import (
	"context"
	"fmt"
	"log/slog"
)

// Logger passes the log lines of the client library on to slog: see [NewLogger].
type Logger struct{ log *slog.Logger }

// NewLogger returns a logger for redis.SetLogger. Without it, the library writes lines
// about its connections to standard error in a format of its own. The library has one
// logger for the whole process, so this package does not set it: the main function of a
// program does.
//
//	redis.SetLogger(redisstore.NewLogger(slog.Default()))
func NewLogger(log *slog.Logger) *Logger { return &Logger{log: log} }

// Printf implements the logger of the library. The level is warn, because the library
// writes lines about failures only, unless its own level is changed.
func (l *Logger) Printf(ctx context.Context, format string, args ...any) {
	l.log.LogAttrs(ctx, slog.LevelWarn, "redis client", slog.String("line", fmt.Sprintf(format, args...)))
}
