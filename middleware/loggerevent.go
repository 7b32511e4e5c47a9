package middleware

import (
	"iter"
	"log/slog"

	"github.com/sluicemail/sluice/framework"
)

// event writes the line of an event: the message that it belongs to, its data,
// its macros, and what came of it.
func (l *logger) event(s *framework.Session, log *slog.Logger, ev framework.Event, out outcome) {
	stage, kept := ev.Stage(), l.session.Get(s)
	attrs := l.identify(s, kept.attrs)
	if stage >= framework.StageMail && stage <= framework.StageAbort {
		attrs = append(attrs, slog.Uint64("message", kept.messages), l.cfg.text("queue", s.QueueID()))
	}
	attrs = append(attrs, slog.String("filter", out.filter))
	attrs = append(attrs, l.data(s, ev)...)
	attrs = appendGroup(attrs, "macros", l.values(s, stage))
	if out.verdict != framework.Continue {
		attrs = append(attrs, slog.String("verdict", Printable(out.verdict.String(), l.cfg.limit)))
	}
	if out.err != nil {
		attrs = append(attrs, slog.String("error", Printable(out.err.Error(), l.cfg.limit)))
	}
	attrs = append(attrs, slog.Duration("took", out.took))
	write(s.Context(), log, l.cfg.events, stage.String(), attrs)
	kept.recycle(attrs)
}

// data returns what the event tells.
func (l *logger) data(s *framework.Session, ev framework.Event) []slog.Attr {
	c := l.cfg
	switch e := ev.(type) {
	case *framework.Connect:
		return c.connect(e)
	case *framework.Helo:
		return []slog.Attr{c.text("name", e.Name())}
	case *framework.Mail:
		return []slog.Attr{c.text("sender", e.Raw()), c.list("args", e.Args())}
	case *framework.Rcpt:
		return []slog.Attr{c.text("recipient", e.Raw()), c.list("args", e.Args())}
	case *framework.RejectedRcpt:
		return []slog.Attr{slog.Bool("rejected", true), c.text("recipient", e.Raw()), c.list("args", e.Args())}
	case *framework.Header:
		return c.content("value", e.Raw(), c.text("name", e.RawName()))
	case *framework.Body:
		return c.content("chunk", string(e.Chunk()))
	case *framework.Unknown:
		return []slog.Attr{c.text("line", e.Line())}
	case *framework.Close:
		return []slog.Attr{slog.Uint64("messages", l.session.Get(s).messages)}
	}
	return nil
}

func (c *logConfig) connect(e *framework.Connect) []slog.Attr {
	attrs := []slog.Attr{c.text("host", e.Host())}
	if e.Addr().IsValid() {
		attrs = append(attrs, c.text("addr", e.Addr().String()), slog.Int("port", int(e.Port())))
	}
	if e.Path() != "" {
		attrs = append(attrs, c.text("path", e.Path()))
	}
	return attrs
}

// content tells the size of a piece of the message, and shows it where that is
// wanted.
func (c *logConfig) content(key, value string, attrs ...slog.Attr) []slog.Attr {
	attrs = append(attrs, slog.Int("bytes", len(value)))
	if c.shown {
		attrs = append(attrs, c.text(key, value))
	}
	return attrs
}

// values returns the stage's macros that have a value.
func (l *logger) values(s *framework.Session, stage framework.Stage) []slog.Attr {
	var attrs []slog.Attr
	for _, m := range l.macros[stage] {
		if v, ok := m.Value(s); ok && v != "" {
			attrs = append(attrs, l.cfg.text(m.Name(), v))
		}
	}
	return attrs
}

// text is a value that a stranger chose.
func (c *logConfig) text(key, value string) slog.Attr {
	if c.redact != nil {
		value = c.redact(key, value)
	}
	return slog.String(key, Printable(value, c.limit))
}

func (c *logConfig) list(key string, values iter.Seq[string]) slog.Attr {
	list := []string{}
	for v := range values {
		if c.redact != nil {
			v = c.redact(key, v)
		}
		list = append(list, Printable(v, c.limit))
	}
	return slog.Any(key, list)
}
