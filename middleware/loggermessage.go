package middleware

import (
	"log/slog"
	"time"

	"github.com/sluicemail/sluice/framework"
)

// fieldMacro is a macro that a field of the message's line is made of.
type fieldMacro struct {
	key    string
	macro  framework.Macro
	client bool // it says the same for the whole session
}

// messageAttrs appends the attributes of the message's line.
func (l *logger) messageAttrs(
	s *framework.Session, kept *loggedSession, end *framework.MessageResult, attrs []slog.Attr,
) []slog.Attr {
	attrs = append(attrs, slog.Uint64("message", end.Number), l.cfg.text("queue", s.QueueID()))
	attrs = l.origin(s, kept, attrs)
	if l.cfg.has(LogHelo) && l.helo.Value(s) != "" {
		attrs = append(attrs, l.cfg.text("helo", l.helo.Value(s)))
	}
	if l.cfg.has(LogRecipients) && end.Shown(framework.StageRcpt) {
		attrs = append(attrs, slog.Int("recipients", end.Recipients))
	}
	if l.cfg.has(LogSize) && end.Shown(framework.StageBody) {
		attrs = append(attrs, slog.Int64("size", end.Size))
	}
	attrs = l.ending(end, attrs)
	return l.groups(kept, l.message.Get(s), end, attrs)
}

// groups appends the fields that are groups. A handler may keep what is in them:
// they are made for each line, in one piece.
func (l *logger) groups(kept *loggedSession, m *loggedMessage, end *framework.MessageResult, attrs []slog.Attr) []slog.Attr {
	size := timed(kept.took[:]) + timed(m.took[:])
	for range end.Modifications() {
		size++
	}
	group := make([]slog.Attr, 0, size)
	if l.cfg.has(LogModifications) {
		for kind, n := range end.Modifications() {
			group = append(group, slog.Int(kind, n))
		}
		attrs = appendGroup(attrs, "modifications", group)
	}
	if l.cfg.has(LogDurations) {
		attrs = appendGroup(attrs, "took", durations(kept, m, group[len(group):]))
	}
	return attrs
}

// timed returns at how many stages handlers took time.
func timed(took []time.Duration) (n int) {
	for _, d := range took {
		if d > 0 {
			n++
		}
	}
	return n
}

// origin appends what the macros say of the client and the sender.
func (l *logger) origin(s *framework.Session, kept *loggedSession, attrs []slog.Attr) []slog.Attr {
	if kept.client == nil {
		kept.client = make([]string, len(l.fields))
	}
	for i, f := range l.fields {
		value := kept.client[i]
		if !f.client || value == "" {
			value, _ = f.macro.Value(s)
		}
		if f.client {
			kept.client[i] = value
		}
		if value != "" {
			attrs = append(attrs, l.cfg.text(f.key, value))
		}
	}
	return attrs
}

// ending appends what was decided, and who did.
func (l *logger) ending(end *framework.MessageResult, attrs []slog.Attr) []slog.Attr {
	if end.Aborted {
		return append(attrs, slog.String("verdict", "aborted"))
	}
	attrs = append(attrs, slog.String("verdict", Printable(end.Verdict.String(), l.cfg.limit)))
	if end.Filter != "" {
		attrs = append(attrs, slog.String("filter", end.Filter))
	}
	return append(attrs, slog.String("stage", end.Stage.String()))
}

// durations appends the stages at which wrapped handlers ran.
func durations(kept *loggedSession, m *loggedMessage, attrs []slog.Attr) []slog.Attr {
	for stage := framework.StageConnect; stage <= framework.StageEndOfMessage; stage++ {
		took := m.took[stage]
		if stage <= framework.StageHelo {
			took = kept.took[stage]
		}
		if took > 0 {
			attrs = append(attrs, slog.Duration(stage.String(), took))
		}
	}
	return attrs
}

func appendGroup(attrs []slog.Attr, key string, group []slog.Attr) []slog.Attr {
	if len(group) == 0 {
		return attrs
	}
	return append(attrs, slog.GroupAttrs(key, group...))
}
