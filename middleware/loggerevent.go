package middleware

import (
	"iter"
	"log/slog"

	"github.com/sluicemail/sluice/framework"
)

// logEvent logs the line of an event: its message, its data, its macros, and the
// handler's result.
func (l *logger) logEvent(s *framework.Session, log *slog.Logger, ev framework.Event, res result) {
	stage, kept := ev.Stage(), l.session.Get(s)
	attrs := l.beginLine(s, kept.attrs)
	if stage >= framework.StageMail && stage <= framework.StageAbort {
		attrs = append(attrs, slog.Uint64("message", kept.messages))
		attrs = l.appendQueueID(attrs, s)
	}
	attrs = append(attrs, slog.String("filter", res.filter))
	attrs = l.appendData(attrs, s, ev)
	attrs = appendGroup(attrs, "macros", l.macroAttrs(s, stage))
	if res.verdict != framework.Continue {
		attrs = append(attrs, slog.String("verdict", Printable(res.verdict.String(), l.cfg.Limit)))
	}
	if res.err != nil {
		attrs = append(attrs, slog.String("error", Printable(res.err.Error(), l.cfg.Limit)))
	}
	attrs = append(attrs, slog.Duration("took", res.took))
	writeLine(s.Context(), log, l.cfg.EventLevel.Level(), stage.String(), attrs)
	kept.recycle(attrs)
}

// appendData appends the data of the event.
func (l *logger) appendData(attrs []slog.Attr, s *framework.Session, ev framework.Event) []slog.Attr {
	c := l.cfg
	switch e := ev.(type) {
	case *framework.Connect:
		return c.appendConnect(attrs, e)
	case *framework.Helo:
		return c.appendText(attrs, "name", e.Name())
	case *framework.Mail:
		return c.appendList(c.appendText(attrs, "sender", e.Raw()), "args", e.Args())
	case *framework.Rcpt:
		return c.appendList(c.appendText(attrs, "recipient", e.Raw()), "args", e.Args())
	case *framework.RejectedRcpt:
		attrs = append(attrs, slog.Bool("rejected", true))
		return c.appendList(c.appendText(attrs, "recipient", e.Raw()), "args", e.Args())
	case *framework.Header:
		return c.appendContent(c.appendText(attrs, "name", e.RawName()), "value", e.Raw())
	case *framework.Body:
		return c.appendContent(attrs, "chunk", string(e.Chunk()))
	case *framework.Unknown:
		return c.appendText(attrs, "line", e.Line())
	case *framework.Close:
		return append(attrs, slog.Uint64("messages", l.session.Get(s).messages))
	}
	return attrs
}

func (c *logConfig) appendConnect(attrs []slog.Attr, e *framework.Connect) []slog.Attr {
	attrs = c.appendText(attrs, "host", e.Host())
	if e.Addr().IsValid() {
		attrs = append(c.appendText(attrs, "addr", e.Addr().String()), slog.Int("port", int(e.Port())))
	}
	return c.appendText(attrs, "path", e.Path())
}

// appendContent appends the length of a piece of the message, and the piece if
// the configuration asks for content.
func (c *logConfig) appendContent(attrs []slog.Attr, key, value string) []slog.Attr {
	attrs = append(attrs, slog.Int("bytes", len(value)))
	if !c.Content {
		return attrs
	}
	return c.appendText(attrs, key, value)
}

// macroAttrs returns the stage's macros that have a value.
func (l *logger) macroAttrs(s *framework.Session, stage framework.Stage) []slog.Attr {
	var attrs []slog.Attr
	for _, m := range l.macros[stage] {
		value, _ := m.Value(s)
		attrs = l.cfg.appendText(attrs, m.Name(), value)
	}
	return attrs
}

// appendText appends a value that came from the client or the mail, unless it is
// empty.
func (c *logConfig) appendText(attrs []slog.Attr, key, value string) []slog.Attr {
	if value = c.shown(key, value); value == "" {
		return attrs
	}
	return append(attrs, slog.String(key, value))
}

// appendList appends a list of such values, unless it has none.
func (c *logConfig) appendList(attrs []slog.Attr, key string, values iter.Seq[string]) []slog.Attr {
	var list []string
	for value := range values {
		if value = c.shown(key, value); value != "" {
			list = append(list, value)
		}
	}
	if len(list) == 0 {
		return attrs
	}
	return append(attrs, slog.Any(key, list))
}

// shown returns a value in the form for a line: redacted, escaped and cut.
func (c *logConfig) shown(key, value string) string {
	if value != "" && c.Redact != nil {
		value = c.Redact(key, value)
	}
	return Printable(value, c.Limit)
}
