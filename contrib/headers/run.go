package headers

import (
	"net/netip"
	"regexp"
	"slices"
	"strings"

	"github.com/sluicemail/sluice/framework"
	"github.com/sluicemail/sluice/framework/message"
)

// engine is a compiled configuration. It is immutable.
type engine struct {
	rules    []rule
	names    map[string]nameID
	families families
	needs    needs
	warnings []*ConfigError

	permissions []Permission
}

// peer holds what the MTA says about the client of a session.
type peer struct {
	addr       netip.Addr
	host, helo string
	port       uint16
	skipped    map[*rule]bool // the rules whose skipping was logged
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
	tooLong     unchanged
	longName    unchanged
	empty       unchanged
	unencoded   unchanged
	unjoined    unchanged
	damaged     unchanged
	unique      string    // the fact .Unique, "" until a template asks for it
	parts       *partList // nil if no rule asks for parts
}

// ResetSlot is called by the framework after each message.
func (r *run) ResetSlot() {
	r.reset()
	if r.parts != nil {
		r.parts.reset()
	}
	clear(r.rcpts)
	*r = run{header: r.header, picked: r.picked[:0], rcpts: r.rcpts[:0], parts: r.parts}
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
		r.lastMatch, r.rule = lastMatch{}, rule.name
		if rule.optional && !r.granted(rule) || rule.when != nil && !rule.when(r) {
			continue
		}
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

// rcpt is a recipient, both unchanged and in the form of [addressKey].
type rcpt struct{ text, key string }

// recipients returns the recipients. It caches them, because the framework
// builds a new list at each call.
func (r *run) recipients() []rcpt {
	if !r.rcptsLoaded {
		r.rcptsLoaded = true
		for _, text := range r.reg.envelope.Recipients(r.s) {
			r.rcpts = append(r.rcpts, rcpt{text, pathKey(text)})
		}
	}
	return r.rcpts
}

// partList returns the list of the message's parts, to be filled.
func (r *run) partList() *partList {
	if r.parts == nil {
		r.parts = &partList{}
	}
	return r.parts
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
	return message.Unfold(r.fields[i].value)
}

func (r *run) anyRecipient(set addressSet, re *regexp.Regexp, keep *bool) bool {
	for _, addr := range r.recipients() {
		if set.has(addr.key) || re != nil && r.matches(re, pathText(addr.text), keep) {
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

func (r *run) delete(i int) { r.fields[i].deleted = true }

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
// changes each original field at most once. Then it adds the new fields.
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
	top, bottom := r.edges()
	for _, i := range slices.Backward(r.order[:top]) {
		add := r.reg.add.InsertTop
		if r.fields[i].atop {
			add = r.reg.add.Prepend
		}
		if err := r.addField(&r.fields[i], add); err != nil {
			return err
		}
	}
	if err := r.addBetween(r.order[top:bottom]); err != nil {
		return err
	}
	for _, i := range r.order[bottom:] {
		if err := r.addField(&r.fields[i], r.reg.add.Append); err != nil {
			return err
		}
	}
	return nil
}

// edges returns how many new fields are at the top, above all original ones, and the index
// in r.order from which on only new fields follow, so that they can be appended. If there
// are no original fields, all can be appended but those above the MTA's Received. A field
// that goes above a certain other one is not at the top: an earlier filter may have put that
// one above the MTA's Received.
func (r *run) edges() (top, bottom int) {
	isNew := func(i int) bool { return !r.fields[i].original && !r.fields[i].placeholder }
	bottom = len(r.order)
	for bottom > 0 && isNew(r.order[bottom-1]) {
		bottom--
	}
	if bottom == 0 {
		return r.belowTop(), r.belowTop()
	}
	for isNew(r.order[top]) && !r.fields[r.order[top]].beside {
		top++
	}
	return top, bottom
}

// addBetween adds the new fields that are between original ones, each above the next
// original field. Several above the same one stand in the order of the calls. A field that
// was deleted has its place.
func (r *run) addBetween(order []int) error {
	var pending []int
	for _, i := range order {
		f := &r.fields[i]
		if !f.original {
			pending = append(pending, i)
			continue
		}
		for _, n := range pending {
			above := func(s *framework.Session, name, value string) error {
				return r.reg.beside.InsertAbove(s, f.handle, name, value)
			}
			if err := r.addField(&r.fields[n], above); err != nil {
				return err
			}
		}
		pending = pending[:0]
	}
	return nil
}

// addField calls add if the field is new.
func (r *run) addField(f *field, add func(s *framework.Session, name, value string) error) error {
	if f.original || f.deleted || f.placeholder {
		return nil
	}
	return add(r.s, f.name, f.value)
}
