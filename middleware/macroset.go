package middleware

import (
	"log/slog"
	"slices"
	"sync"

	"github.com/sluicemail/sluice/framework"
)

// macroSet is what is known of the macros, in a message or in a session. The
// session's goroutine learns, and any other may look.
type macroSet struct {
	of      *macros
	session *macroSet // of the session that the message is in, where there is one
	outer   *macroSet // what the context had before: of the session, or of another Macros
	upTo    framework.Stage

	mu     sync.Mutex // for those who write values, and for others who read them
	values []macroValue
}

type macroValue struct {
	there bool
	value string
}

// newSet begins a set, and puts it into the context.
func (m *macros) newSet(s *framework.Session, session *macroSet) *macroSet {
	outer, _ := s.ContextValue(macrosKey{}).(*macroSet)
	set := &macroSet{of: m, session: session, outer: outer, values: make([]macroValue, len(m.names))}
	s.SetContextValue(macrosKey{}, set)
	return set
}

// usualMacros and usualText are what is learned at once without a slice that is
// made for it.
const (
	usualMacros = 16
	usualText   = 512
)

// newMacro is a macro that was learned, and where its value ends in the text of
// all.
type newMacro struct {
	index, end int
	there      bool
}

// learn looks for what is not known yet. The macros of recipients, and those of
// a session, in which HELO may come again, are looked at each time. What is new
// becomes one string, of which each value is a part.
func (set *macroSet) learn(s *framework.Session, list []framework.Macro, stage framework.Stage) {
	set.upTo = max(set.upTo, stage)
	var news [usualMacros]newMacro
	var room [usualText]byte
	fresh, text := news[:0], room[:0]
	for i, macro := range list {
		old, begin := set.values[i], len(text)
		if old.there && set.of.stages[i] != framework.StageRcpt && stage >= framework.StageMail {
			continue
		}
		var there bool
		text, there = macro.Append(text, s)
		text = text[:min(len(text), begin+maxMacro)]
		if there == old.there && string(text[begin:]) == old.value {
			text = text[:begin]
			continue
		}
		fresh = append(fresh, newMacro{i, len(text), there})
	}
	if len(fresh) > 0 {
		set.enter(fresh, string(text))
		set.annotate(s, fresh)
	}
}

func (set *macroSet) enter(fresh []newMacro, text string) {
	set.mu.Lock()
	defer set.mu.Unlock()
	begin := 0
	for _, f := range fresh {
		set.values[f.index] = macroValue{f.there, text[begin:f.end]}
		begin = f.end
	}
}

// annotate adds what is new to the session's log lines, unless the lines have it
// from the session already.
func (set *macroSet) annotate(s *framework.Session, fresh []newMacro) {
	if set.of.noLog {
		return
	}
	var room [usualMacros]slog.Attr
	attrs := room[:0]
	for _, f := range fresh {
		v := set.values[f.index]
		seen := set.session != nil && set.session.values[f.index] == v
		if v.value != "" && !seen && set.of.stages[f.index] != framework.StageRcpt {
			attrs = append(attrs, slog.String(set.of.names[f.index].logKey(), Printable(v.value, maxLoggedMacro)))
		}
	}
	s.Annotate(attrs...)
}

// lookup returns a macro's value, of the innermost Macros that has it.
func (set *macroSet) lookup(name MacroName) (string, bool) {
	for ; set != nil; set = set.outer {
		i, ok := slices.BinarySearch(set.of.names, name)
		if !ok {
			continue
		}
		if v := set.at(i); v.there {
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

// macroLogged reports whether a [Macros] has added the macro to the lines of the
// session's logger.
func macroLogged(s *framework.Session, name MacroName) bool {
	for set := MacrosOf(s).set; set != nil; set = set.outer {
		i, ok := slices.BinarySearch(set.of.names, name)
		if ok && !set.of.noLog && set.of.stages[i] != framework.StageRcpt && set.at(i).value != "" {
			return true
		}
	}
	return false
}
