package middleware

import (
	"slices"
	"sync/atomic"

	"github.com/sluicemail/sluice/framework"
)

// macroSet is what is known of the macros, in a message or in a session. The
// session's goroutine learns, and any other may look.
type macroSet struct {
	of      *macros
	session *macroSet // of the session that the message is in, where there is one
	upTo    framework.Stage
	known   atomic.Pointer[[]macroValue]
}

type macroValue struct {
	there bool
	value string
}

// learn looks for what is not known yet. The macros of recipients, and those of
// a session, in which HELO may come again, are looked at each time.
func (set *macroSet) learn(s *framework.Session, list []framework.Macro, stage framework.Stage) {
	set.upTo = max(set.upTo, stage)
	set.publish(s)
	old := set.values()
	values := slices.Grow(slices.Clone(old), len(list))[:len(list)]
	for i, macro := range list {
		anew := set.of.stages[i] == framework.StageRcpt || stage < framework.StageMail
		if values[i].there && !anew {
			continue
		}
		v, ok := macro.Value(s)
		values[i] = macroValue{ok, clip(v)}
	}
	if slices.Equal(old, values) {
		return
	}
	set.known.Store(&values)
	set.annotate(s, old, values)
}

// macroNode is a set in a context, and the one of another Macros around it.
type macroNode struct {
	set   *macroSet
	outer *macroNode
}

// publish puts the set into the context, unless it is there: the context is new
// with the message, and after a handler that ran past its deadline.
func (set *macroSet) publish(s *framework.Session) {
	top, _ := s.Context().Value(macrosKey{}).(*macroNode)
	for n := top; n != nil; n = n.outer {
		if n.set == set {
			return
		}
	}
	s.SetContextValue(macrosKey{}, &macroNode{set, top})
}

func (set *macroSet) values() []macroValue {
	if set == nil || set.known.Load() == nil {
		return nil
	}
	return *set.known.Load()
}

// annotate adds what is new to the session's log lines, unless the lines have it
// from the session already.
func (set *macroSet) annotate(s *framework.Session, old, values []macroValue) {
	if set.of.noLog {
		return
	}
	var args []any
	session := set.session.values()
	for i, v := range values {
		seen := i < len(old) && old[i] == v || i < len(session) && session[i] == v
		if v.value != "" && !seen && set.of.stages[i] != framework.StageRcpt {
			args = append(args, set.of.names[i].logKey(), cut(v.value, maxLoggedMacro))
		}
	}
	if len(args) > 0 {
		s.Annotate(args...)
	}
}

// lookup returns a macro's value, of the innermost Macros that has it.
func (n *macroNode) lookup(name MacroName) (string, bool) {
	for ; n != nil; n = n.outer {
		i, ok := slices.BinarySearch(n.set.of.names, name)
		if known := n.set.values(); ok && i < len(known) && known[i].there {
			return known[i].value, true
		}
	}
	return "", false
}

// clip bounds what is kept of a value. A cut one is a string of its own, so
// that it does not keep the rest.
func clip(value string) string {
	if len(value) > maxMacro {
		return string([]byte(value[:maxMacro]))
	}
	return value
}
