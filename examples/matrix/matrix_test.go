package matrix_test

import (
	"fmt"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/sluicemail/sluice/framework/miltertest"
)

// TestMatrix mounts each filter before and behind each other one.
func TestMatrix(t *testing.T) {
	t.Parallel()
	messages, all := mails(t), filters()
	alone := make(map[string][]*outcome) // by the filter and the MTA
	for _, e := range all {
		for _, p := range personalities() {
			alone[e.name+p.Name] = observe(t, p, e).run(messages)
		}
	}
	allowed := allowedPairs(t, all)
	for _, before := range all {
		t.Run(before.name, func(t *testing.T) {
			t.Parallel()
			for _, behind := range all {
				if before.name == behind.name {
					continue
				}
				differences := ""
				for _, p := range personalities() {
					a, b := alone[before.name+p.Name], alone[behind.name+p.Name]
					o := observe(t, p, before, behind)
					for i, got := range o.run(messages) {
						differences += compare(p, messages[i], o.names, got, a[i], b[i])
					}
				}
				if reason := allowed[pair{before.name, behind.name}]; reason != "" {
					assert.NotEmpty(t, differences, "%s before %s: the exception is not needed: %s", before.name, behind.name, reason)
				} else {
					assert.Empty(t, differences, "%s before %s", before.name, behind.name)
				}
			}
		})
	}
}

// compare describes how the results of two filters, mounted in this order, differ from those
// of each alone. If one of them refuses the message, the other has no part in it: the MTA gets
// the reply of one that refuses alone.
func compare(p miltertest.Personality, m mail, names []string, got *outcome, alone ...*outcome) (text string) {
	if got.reply != "" || alone[0].reply != "" || alone[1].reply != "" {
		if got.reply == "" || got.reply != alone[0].reply && got.reply != alone[1].reply {
			return fmt.Sprintf("%s, %s: %q instead of %q or %q\n", p.Name, m.name, got.reply, alone[0].reply, alone[1].reply)
		}
		return ""
	}
	for i := range names {
		if got, want := got.of[i].edits, alone[i].of[0].edits; got != want {
			text += fmt.Sprintf("%s, %s: %s edits\n%sinstead of\n%s", p.Name, m.name, names[i], got, want)
		}
		if got, want := got.of[i].log, alone[i].of[0].log; got != want {
			text += fmt.Sprintf("%s, %s: %s logs\n%sinstead of\n%s", p.Name, m.name, names[i], got, want)
		}
	}
	return text
}

// pair is two filters in the order in which they are mounted.
type pair struct{ before, behind string }

// allowedPairs returns the reasons of the exceptions by their pairs.
func allowedPairs(t *testing.T, all []entry) map[pair]string {
	t.Helper()
	known, allowed := make(map[string]bool), make(map[pair]string)
	for _, e := range all {
		known[e.name] = true
	}
	for _, e := range exceptions() {
		for _, before := range e.before {
			for _, behind := range e.behind {
				require.True(t, known[before] && known[behind], "no such filters: %s, %s", before, behind)
				require.Empty(t, allowed[pair{before, behind}], "listed twice: %s, %s", before, behind)
				allowed[pair{before, behind}] = e.reason
			}
		}
	}
	return allowed
}
