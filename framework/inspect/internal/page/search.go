package page

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/sluicemail/sluice/framework/inspect/record"
)

// The limits of a search.
const (
	maxQuery = 500 // bytes
	maxTerms = 16
)

// search is what somebody looks for: all terms must match.
type search []term

// term is one condition.
type term struct {
	not   bool
	text  string        // in lower case
	took  time.Duration // of the term took
	match func(*record.Summary, *term) bool
}

// fields are the terms that name a field, with what they match.
var fields = map[string]func(*record.Summary, *term) bool{
	"queue":   func(m *record.Summary, t *term) bool { return t.in(m.QueueID) },
	"id":      func(m *record.Summary, t *term) bool { return t.in(m.ID, m.Session, m.QueueID) },
	"from":    func(m *record.Summary, t *term) bool { return t.in(m.Sender) },
	"to":      matchRecipients,
	"addr":    func(m *record.Summary, t *term) bool { return t.in(m.Sender) || matchRecipients(m, t) },
	"client":  matchClient,
	"mta":     func(m *record.Summary, t *term) bool { return t.in(m.MTA, m.Software) },
	"state":   func(m *record.Summary, t *term) bool { return strings.HasPrefix(string(m.Outcome.State), t.text) },
	"verdict": func(m *record.Summary, t *term) bool { return t.in(m.Outcome.Verdict.Kind) },
	"reply":   matchReply,
	"filter":  matchFilter,
	"edited":  func(m *record.Summary, t *term) bool { return t.in(m.EditedBy...) },
	"failed":  func(m *record.Summary, t *term) bool { return t.in(m.FailedIn...) },
	"subject": func(m *record.Summary, t *term) bool { return t.in(m.Subject) },
	"took":    func(m *record.Summary, t *term) bool { return m.Took >= t.took },
}

// parseSearch reads a search: terms that are separated by spaces. A term is a text, a text in
// quotes, or one of fields with a text behind the colon. A minus before it excludes what matches.
func parseSearch(text string) (search, error) {
	if len(text) > maxQuery {
		return nil, fmt.Errorf("the search is longer than %d bytes", maxQuery)
	}
	var s search
	for _, word := range words(text) {
		t, err := parseTerm(word)
		if err != nil {
			return nil, err
		}
		if s = append(s, t); len(s) > maxTerms {
			return nil, fmt.Errorf("the search has more than %d terms", maxTerms)
		}
	}
	return s, nil
}

func parseTerm(word string) (term, error) {
	t := term{match: matchAny}
	if rest, ok := strings.CutPrefix(word, "-"); ok && rest != "" {
		t.not, word = true, rest
	}
	t.text = unquote(word)
	name, value, found := strings.Cut(word, ":")
	switch match, ok := fields[strings.ToLower(name)]; {
	case !found || !isWord(name) || strings.HasPrefix(value, ":"):
		return t, nil
	case !ok:
		return term{}, fmt.Errorf("%q is not a term: the terms are %s; write \"%s\" in quotes to search for the text",
			name+":", strings.Join(termNames(), " "), word)
	default:
		t.match, t.text = match, unquote(value)
	}
	if strings.EqualFold(name, "took") {
		took, err := time.ParseDuration(strings.TrimPrefix(t.text, ">"))
		if err != nil {
			return term{}, fmt.Errorf("took: needs a time, such as took:500ms or took:2s, and not %q", value)
		}
		t.took = took
	}
	return t, nil
}

// words splits a search at spaces that are not in quotes.
func words(text string) []string {
	quoted := false
	return strings.FieldsFunc(text, func(r rune) bool {
		if r == '"' {
			quoted = !quoted
		}
		return !quoted && (r == ' ' || r == '\t' || r == '\n' || r == '\r')
	})
}

func unquote(text string) string { return strings.ToLower(strings.ReplaceAll(text, `"`, "")) }

// isWord reports whether a name consists of letters, as those of fields do.
func isWord(name string) bool {
	return name != "" && !strings.ContainsFunc(name, func(r rune) bool { return (r|0x20) < 'a' || (r|0x20) > 'z' })
}

func termNames() []string {
	var names []string
	for name := range fields {
		names = append(names, name+":")
	}
	slices.Sort(names)
	return names
}

// match reports whether a record is what somebody looks for.
func (s search) match(m *record.Summary) bool {
	for i := range s {
		if s[i].match(m, &s[i]) == s[i].not {
			return false
		}
	}
	return true
}

// in reports whether the text is in one of the values.
func (t *term) in(values ...string) bool {
	return slices.ContainsFunc(values, func(v string) bool { return strings.Contains(strings.ToLower(v), t.text) })
}

func matchAny(m *record.Summary, t *term) bool {
	return t.in(m.QueueID, m.ID, m.Session, m.Sender, m.Subject, string(m.Outcome.State), m.Outcome.Verdict.Kind, m.Outcome.Quarantine) ||
		matchRecipients(m, t) || matchClient(m, t) || matchFilter(m, t) || matchReply(m, t)
}

func matchRecipients(m *record.Summary, t *term) bool {
	return slices.ContainsFunc(m.Recipients, func(r record.Recipient) bool { return t.in(r.Address) })
}

func matchClient(m *record.Summary, t *term) bool {
	return t.in(m.Client.Addr, m.Client.Name, m.Client.Helo, m.Client.User)
}

func matchReply(m *record.Summary, t *term) bool {
	return t.in(replyText(&m.Outcome.Verdict)) || slices.ContainsFunc(m.Recipients, func(r record.Recipient) bool {
		return r.Refusal != nil && t.in(replyText(r.Refusal))
	})
}

// replyText returns the code and the text of a reply.
func replyText(v *record.Verdict) string {
	if v.Code == 0 {
		return v.Text
	}
	return fmt.Sprint(v.Code, " ", v.Text)
}

// matchFilter matches filters that refused, edited, failed or were the slowest.
func matchFilter(m *record.Summary, t *term) bool {
	return t.in(m.Outcome.Verdict.Filter, m.Slowest) || t.in(m.EditedBy...) || t.in(m.FailedIn...) ||
		slices.ContainsFunc(m.Recipients, func(r record.Recipient) bool { return r.Refusal != nil && t.in(r.Refusal.Filter) })
}
