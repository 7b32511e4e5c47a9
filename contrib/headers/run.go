package headers

import (
	"log/slog"
	"net/netip"
	"regexp"
	"strings"

	"github.com/sluicemail/sluice/framework"
)

// engine is a compiled configuration. It is immutable.
type engine struct {
	rules []rule
	names map[string]nameID
	needs needs
}

// peer holds what the MTA says about the client of a session.
type peer struct {
	addr       netip.Addr
	host, helo string
	port       uint16
}

// run is the state of one message while the rules are applied to it. It is
// reused for the next message.
type run struct {
	header
	s           *framework.Session
	reg         *registration
	rule        string // the name of the current rule
	value       string // the value of the field that is edited
	body        int64  // the size of the body so far, in bytes
	lastMatch   lastMatch
	picked      []int // reused by picker.each
	rcpts       []rcpt
	rcptsLoaded bool
}

// ResetSlot is called by the framework after each message.
func (r *run) ResetSlot() {
	r.reset()
	clear(r.rcpts)
	*r = run{header: r.header, picked: r.picked[:0], rcpts: r.rcpts[:0]}
}

// lastMatch is the match of the last pattern of a rule that matched.
type lastMatch struct {
	re   *regexp.Regexp
	text string
	at   []int
}

// group returns the text that a group of the pattern matched, or "".
func (f *lastMatch) group(n int) string {
	if n < 0 || 2*n+1 >= len(f.at) || f.at[2*n] < 0 {
		return ""
	}
	return f.text[f.at[2*n]:f.at[2*n+1]]
}

func (f *lastMatch) named(name string) string {
	if f.re == nil {
		return ""
	}
	return f.group(f.re.SubexpIndex(name))
}

// matches reports whether a pattern matches the text. If keep is set, it stores
// the match for the templates of the rule.
func (r *run) matches(re *regexp.Regexp, text string, keep *bool) bool {
	if !*keep {
		return re.MatchString(text)
	}
	at := re.FindStringSubmatchIndex(text)
	if at == nil {
		return false
	}
	r.lastMatch = lastMatch{re, text, at}
	return true
}

// apply applies the rules in order. It returns the verdict of the first rule
// that rejects the message.
func (e *engine) apply(r *run) (framework.Verdict, error) {
	for i := range e.rules {
		rule := &e.rules[i]
		r.lastMatch = lastMatch{}
		if rule.when != nil && !rule.when(r) {
			continue
		}
		r.rule = rule.name
		for _, do := range rule.do {
			if v, err := do(r); err != nil || v != framework.Continue {
				return v, err
			}
		}
		if rule.last {
			break
		}
	}
	return framework.Continue, nil
}

// rcpt is a recipient, both unchanged and in lower case.
type rcpt struct{ text, lower string }

// recipients returns the recipients. It caches them, because the framework
// builds a new list at each call.
func (r *run) recipients() []rcpt {
	if !r.rcptsLoaded {
		r.rcptsLoaded = true
		for _, text := range r.reg.envelope.Recipients(r.s) {
			r.rcpts = append(r.rcpts, rcpt{text, strings.ToLower(text)})
		}
	}
	return r.rcpts
}

func (r *run) client() *peer { return r.reg.peer.Get(r.s) }

// macro returns the value of a macro, or "" if the MTA has not sent it.
func (r *run) macro(m macro) string {
	text, _ := r.reg.macros[m].Value(r.s)
	return text
}

// text returns the value of a field in the form that patterns match.
func (r *run) text(i int, decode bool) string {
	if decode {
		return decoded(r.fields[i].value)
	}
	return unfold(r.fields[i].value)
}

func (r *run) anyRecipient(set addressSet, re *regexp.Regexp, keep *bool) bool {
	for _, addr := range r.recipients() {
		if set.has(addr.lower) || re != nil && r.matches(re, addr.text, keep) {
			return true
		}
	}
	return false
}

// first returns the value of the first field in a list of indexes, or "".
func (r *run) first(list []int) string {
	if len(list) == 0 {
		return ""
	}
	return r.fields[list[0]].value
}

// set gives a field a new value. The value "" deletes the field. A value that
// is too long for the protocol leaves the field unchanged.
func (r *run) set(i int, value string) {
	switch f := &r.fields[i]; {
	case value == "":
		f.deleted = true
	case len(value) > maxValue:
		r.s.Logger().Warn("field not changed: new value too long", "rule", r.rule, "name", f.name, "bytes", len(value), queueID(r.s))
	default:
		f.value = value
	}
}

func (r *run) delete(i int) { r.fields[i].deleted = true }

// queueID returns the log attribute for the queue ID, or an empty attribute,
// which slog ignores, if the MTA has not sent a queue ID.
func queueID(s *framework.Session) slog.Attr {
	id := s.QueueID()
	if id == "" {
		return slog.Attr{}
	}
	return slog.String("queue_id", id)
}

// size returns the size of the message in bytes: the current header with a
// space after each colon, an empty line, and the body.
func (r *run) size() int64 {
	size := r.body + 2
	for i := range r.fields {
		if f := &r.fields[i]; !f.deleted && !f.placeholder {
			size += int64(len(f.name) + len(": \r\n") + len(f.value) + strings.Count(f.value, "\n"))
		}
	}
	return size
}

// edit passes the changes of the rules to the framework. It deletes, renames or
// changes each original field at most once. Then it adds the new fields in
// their places, from the top down.
func (r *run) edit() error {
	for i := range r.fields {
		if f := &r.fields[i]; f.original {
			if err := r.editOriginal(f); err != nil {
				return err
			}
		}
	}
	return r.addNew()
}

func (r *run) editOriginal(f *field) error {
	if f.deleted {
		return r.reg.change.Delete(r.s, f.handle)
	}
	if f.name != f.oldName {
		if err := r.reg.rename.Rename(r.s, f.handle, f.name); err != nil {
			return err
		}
	}
	if f.value != f.oldValue {
		return r.reg.change.Change(r.s, f.handle, f.value)
	}
	return nil
}

func (r *run) addNew() error {
	tail := len(r.order) // from here on only new fields follow, so they can be appended
	for tail > 0 && !r.fields[r.order[tail-1]].original && !r.fields[r.order[tail-1]].placeholder {
		tail--
	}
	above := 0
	for at, i := range r.order {
		f := &r.fields[i]
		if f.deleted || f.placeholder {
			continue
		}
		var err error
		switch {
		case f.original:
		case at < tail:
			err = r.reg.add.Insert(r.s, above, f.name, f.value)
		default:
			err = r.reg.add.Append(r.s, f.name, f.value)
		}
		if err != nil {
			return err
		}
		above++
	}
	return nil
}
