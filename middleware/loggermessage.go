package middleware

import (
	"log/slog"

	"github.com/sluicemail/sluice/framework"
)

// macroField is a field of the message lines that shows a macro.
type macroField struct {
	key        string
	name       MacroName
	macro      framework.Macro
	perSession bool // the value is the same for all messages of a session
}

// appendMessage appends the attributes of a message line.
func (l *logger) appendMessage(
	attrs []slog.Attr, s *framework.Session, kept *loggedSession, end *framework.MessageResult,
) []slog.Attr {
	attrs = append(attrs, slog.Uint64("message", end.Number))
	attrs = l.appendQueueID(attrs, s)
	attrs = l.appendMacroFields(attrs, s, kept)
	if l.cfg.has(LogHelo) {
		attrs = l.cfg.appendText(attrs, "helo", l.helo.Value(s))
	}
	if l.cfg.has(LogRecipients) && end.Shown(framework.StageRcpt) {
		attrs = append(attrs, slog.Int("recipients", end.Recipients))
	}
	if l.cfg.has(LogSize) && end.Shown(framework.StageBody) {
		attrs = append(attrs, slog.Int64("size", end.Size))
	}
	attrs = l.appendVerdict(attrs, end)
	if l.cfg.has(LogModifications) {
		attrs = appendGroup(attrs, "modifications", modifications(end))
	}
	if l.cfg.has(LogDurations) {
		attrs = l.appendDurations(attrs, kept, l.message.Get(s))
	}
	return attrs
}

// modifications returns the number of modifications by kind. The slice is new for
// each line and of the right size: a slog.Handler may keep the group.
func modifications(end *framework.MessageResult) []slog.Attr {
	kinds := 0
	for range end.Modifications() {
		kinds++
	}
	group := make([]slog.Attr, 0, kinds)
	for kind, n := range end.Modifications() {
		group = append(group, slog.Int(kind, n))
	}
	return group
}

// appendMacroFields appends the fields that show macros: of the client and of the
// sender.
func (l *logger) appendMacroFields(attrs []slog.Attr, s *framework.Session, kept *loggedSession) []slog.Attr {
	if kept.client == nil {
		kept.client = make([]string, len(l.fields))
	}
	for i, f := range l.fields {
		value := kept.client[i]
		if !f.perSession || value == "" {
			value, _ = f.macro.Value(s)
		}
		if f.perSession {
			kept.client[i] = value
		}
		if l.cfg.Logger == nil && f.key == string(f.name) && LogsMacro(s, f.name) {
			continue
		}
		attrs = l.cfg.appendText(attrs, f.key, value)
	}
	return attrs
}

// appendVerdict appends the verdict on the message, and the filter and stage that
// it comes from.
func (l *logger) appendVerdict(attrs []slog.Attr, end *framework.MessageResult) []slog.Attr {
	if end.Aborted {
		return append(attrs, slog.String("verdict", "aborted"))
	}
	attrs = append(attrs, slog.String("verdict", Printable(end.Verdict.String(), l.cfg.Limit)))
	if end.Filter != "" {
		attrs = append(attrs, slog.String("filter", end.Filter))
	}
	return append(attrs, slog.String("stage", end.Stage.String()))
}

// appendDurations appends the durations of the stages at which wrapped handlers
// ran.
func (l *logger) appendDurations(attrs []slog.Attr, kept *loggedSession, m *loggedMessage) []slog.Attr {
	for stage, key := range l.tookKeys {
		took := m.took[stage]
		if stage <= int(framework.StageHelo) {
			took = kept.took[stage]
		}
		if took > 0 {
			attrs = append(attrs, slog.Duration(key, took))
		}
	}
	return attrs
}

// appendGroup appends a group of attributes, unless it is empty.
func appendGroup(attrs []slog.Attr, key string, group []slog.Attr) []slog.Attr {
	if len(group) == 0 {
		return attrs
	}
	return append(attrs, slog.GroupAttrs(key, group...))
}
