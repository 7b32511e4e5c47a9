package headers

import (
	"net/netip"
	"regexp"
	"strings"

	"github.com/sluicemail/sluice/framework"
)

// engine is a configuration that is ready to run. It does not change.
type engine struct {
	rules []rule
	names map[string]nameID
	needs needs
}

// peer is what is known of the client for the length of its session.
type peer struct {
	addr       netip.Addr
	host, helo string
	port       uint16
}

// run is one message on its way through the rules. It is used again for the
// next.
type run struct {
	header
	s      *framework.Session
	reg    *registration
	rule   string // the name of the rule under way
	value  string // the value of the field that is edited
	body   int64  // bytes of it
	found  found
	picked []int // memory of picker.each
	rcpts  []rcpt
	asked  bool // rcpts are in force
}

// ResetSlot is called by the framework after each message.
func (r *run) ResetSlot() {
	r.reset()
	clear(r.rcpts)
	*r = run{header: r.header, picked: r.picked[:0], rcpts: r.rcpts[:0]}
}

// found is what the last pattern of a rule found.
type found struct {
	re   *regexp.Regexp
	text string
	at   []int
}

// group returns what a group of the pattern matched, or "".
func (f *found) group(n int) string {
	if n < 0 || 2*n+1 >= len(f.at) || f.at[2*n] < 0 {
		return ""
	}
	return f.text[f.at[2*n]:f.at[2*n+1]]
}

func (f *found) named(name string) string {
	if f.re == nil {
		return ""
	}
	return f.group(f.re.SubexpIndex(name))
}

// matches reports whether a pattern is found in the text. What it found is
// kept where the rule asks for it.
func (r *run) matches(re *regexp.Regexp, text string, keep *bool) bool {
	if !*keep {
		return re.MatchString(text)
	}
	at := re.FindStringSubmatchIndex(text)
	if at == nil {
		return false
	}
	r.found = found{re, text, at}
	return true
}

// apply tries the rules, and returns the verdict of the first that refuses.
func (e *engine) apply(r *run) (framework.Verdict, error) {
	for i := range e.rules {
		rule := &e.rules[i]
		r.found = found{}
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

// rcpt is a recipient as it is, and in lower case.
type rcpt struct{ text, lower string }

// recipients returns the recipients, which the framework puts together anew
// whenever it is asked.
func (r *run) recipients() []rcpt {
	if !r.asked {
		r.asked = true
		for _, text := range r.reg.envelope.Recipients(r.s) {
			r.rcpts = append(r.rcpts, rcpt{text, strings.ToLower(text)})
		}
	}
	return r.rcpts
}

// size returns the size of the message: the header as it is now, with a space
// after each colon, an empty line, and the body.
func (r *run) size() int64 {
	size := r.body + 2
	for i := range r.fields {
		if f := &r.fields[i]; !f.deleted && !f.rest {
			size += int64(len(f.name) + len(": \r\n") + len(f.value) + strings.Count(f.value, "\n"))
		}
	}
	return size
}
