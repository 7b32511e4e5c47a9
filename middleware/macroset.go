package middleware

import (
	"log/slog"
	"slices"
	"sync"

	"github.com/sluicemail/sluice/framework"
)

// macroSet contains the values of the macros of a message or of a session. Only
// the session's goroutine updates it. Any goroutine may call lookup.
type macroSet struct {
	cfg     *macros
	session *macroSet       // the set of the message's session, or nil
	outer   *macroSet       // the set that the context had before: of the session, or of another Macros
	upTo    framework.Stage // the last stage of an update

	mu     sync.Mutex // guards values; the session's goroutine may read them without it
	values []macroValue
}

type macroValue struct {
	exists bool
	value  string
}

// newSet returns an empty set, and adds it to the session's context.
func (m *macros) newSet(s *framework.Session, session *macroSet) *macroSet {
	outer, _ := s.ContextValue(macrosKey{}).(*macroSet)
	set := &macroSet{cfg: m, session: session, outer: outer, values: make([]macroValue, len(m.names))}
	s.SetContextValue(macrosKey{}, set)
	return set
}

// usualMacros is the number of macros, and usualText the number of bytes in
// their values, that one update can add without allocating a slice.
const (
	usualMacros = 16
	usualText   = 512
)

// newMacro is a macro with a new value, and the end of the value in the text of
// all new values.
type newMacro struct {
	index, end int
	exists     bool
}

// update reads the macros that the set does not have yet. It also reads those
// of recipients again, and before a message those of the session, because a
// client may repeat HELO. The new values share one string, to save allocations.
func (set *macroSet) update(s *framework.Session, list []framework.Macro, stage framework.Stage) {
	set.upTo = max(set.upTo, stage)
	var news [usualMacros]newMacro
	var room [usualText]byte
	fresh, text := news[:0], room[:0]
	for i, macro := range list {
		old, begin := set.values[i], len(text)
		if old.exists && set.cfg.stages[i] != framework.StageRcpt && stage >= framework.StageMail {
			continue
		}
		var exists bool
		text, exists = macro.Append(text, s)
		text = text[:min(len(text), begin+maxMacro)]
		if exists == old.exists && string(text[begin:]) == old.value {
			text = text[:begin]
			continue
		}
		fresh = append(fresh, newMacro{i, len(text), exists})
	}
	if len(fresh) > 0 {
		set.store(fresh, string(text))
		set.annotate(s, fresh)
	}
}

// store stores the new values.
func (set *macroSet) store(fresh []newMacro, text string) {
	set.mu.Lock()
	defer set.mu.Unlock()
	begin := 0
	for _, f := range fresh {
		set.values[f.index] = macroValue{f.exists, text[begin:f.end]}
		begin = f.end
	}
}

// annotate adds the new values to the session's logger, except those that the
// logger already has from the session's own set.
func (set *macroSet) annotate(s *framework.Session, fresh []newMacro) {
	if set.cfg.noLog {
		return
	}
	var room [usualMacros]slog.Attr
	attrs := room[:0]
	for _, f := range fresh {
		v := set.values[f.index]
		seen := set.session != nil && set.session.values[f.index] == v
		if v.value != "" && !seen && set.cfg.stages[f.index] != framework.StageRcpt {
			attrs = append(attrs, slog.String(set.cfg.names[f.index].logKey(), Printable(v.value, maxLoggedMacro)))
		}
	}
	s.Annotate(attrs...)
}

// lookup returns a macro's value from the innermost Macros that has it.
func (set *macroSet) lookup(name MacroName) (string, bool) {
	for ; set != nil; set = set.outer {
		i, ok := slices.BinarySearch(set.cfg.names, name)
		if !ok {
			continue
		}
		if v := set.at(i); v.exists {
			return v.value, true
		}
	}
	return "", false
}

func (set *macroSet) at(i int) macroValue {
	set.mu.Lock()
	defer set.mu.Unlock()
	return set.values[i]
}

// LogsMacro reports whether a [Macros] has added the macro to the lines of the session's logger.
// A line of a filter about the message then need not have it again. It may be called by handlers.
func LogsMacro(s *framework.Session, name MacroName) bool {
	for set := MacrosOf(s).set; set != nil; set = set.outer {
		i, ok := slices.BinarySearch(set.cfg.names, name)
		if ok && !set.cfg.noLog && set.cfg.stages[i] != framework.StageRcpt && set.at(i).value != "" {
			return true
		}
	}
	return false
}
