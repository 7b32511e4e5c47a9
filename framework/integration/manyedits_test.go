//go:build integration

package integration_test

import (
	"bytes"
	"fmt"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/sluicemail/sluice/framework"
	"github.com/sluicemail/sluice/framework/miltertest/realmta"
)

// manyEdits is the maximum number of header fields that may be inserted,
// changed or renamed in a message.
const manyEdits = 5000

// manyTo is the recipient of messages with many edits.
const manyTo = "many@example.test"

// editMany edits the i-th field of the message, counted from 1.
type editMany func(g *manyGrants, s *framework.Session, f framework.Field, i int) error

type manyGrants struct {
	headers framework.KeptHeader
	add     framework.HeaderInserter
	change  framework.HeaderChanger
	rename  framework.HeaderRenamer
	rcpt    framework.RecipientAdder
	unrcpt  framework.RecipientDeleter
}

func (edit editMany) with(r *framework.Router) func(*framework.Session) error {
	g := &manyGrants{
		r.WantHeaders(), r.GrantInsertHeader(), r.GrantChangeHeader(), r.GrantRenameHeader(), r.GrantAddRecipient(), r.GrantDeleteRecipient(),
	}
	return func(s *framework.Session) error {
		var do errands
		i := 0
		for f := range g.headers.All(s) {
			i++
			do.err(edit(g, s, f, i))
		}
		return do.first
	}
}

// TestManyEdits makes the maximum number of edits of each kind in one message.
// Postfix gives up a message after 10,000 backward jumps in its queue file. In
// the wrong order, a few hundred edits need that many.
func TestManyEdits(t *testing.T) {
	t.Parallel()
	each := func(n int, field func(i int) string) string {
		var b strings.Builder
		for i := range n {
			b.WriteString(field(i + 1))
		}
		return b.String()
	}
	tests := []struct {
		name   string
		fields int
		edit   editMany
		want   func(i int) string // what stands for the field
		above  string
	}{
		{
			"inserted at the top", manyEdits,
			func(g *manyGrants, s *framework.Session, _ framework.Field, _ int) error {
				return g.add.InsertTop(s, "X", "y")
			},
			func(int) string { return "A:1 " }, strings.Repeat("X:y ", manyEdits),
		},
		{
			"changed", manyEdits,
			func(g *manyGrants, s *framework.Session, f framework.Field, i int) error {
				return g.change.Change(s, f.Handle, strconv.Itoa(i))
			},
			func(i int) string { return fmt.Sprintf("A:%d ", i) }, "",
		},
		{
			"renamed", manyEdits,
			func(g *manyGrants, s *framework.Session, f framework.Field, _ int) error {
				return g.rename.Rename(s, f.Handle, "B")
			},
			func(int) string { return "B:1 " }, "",
		},
		{
			"changed, and another inserted", manyEdits / 2,
			func(g *manyGrants, s *framework.Session, f framework.Field, i int) error {
				do := errands{g.change.Change(s, f.Handle, strconv.Itoa(i+1))}
				do.err(g.add.Insert(s, 2*i-1, "B", strconv.Itoa(i)))
				return do.first
			},
			func(i int) string { return fmt.Sprintf("A:%d B:%d ", i+1, i) }, "",
		},
		{
			"changed, renamed and deleted in turn", manyEdits,
			func(g *manyGrants, s *framework.Session, f framework.Field, i int) error {
				switch i % 3 {
				case 0:
					return g.change.Change(s, f.Handle, strconv.Itoa(i))
				case 1:
					return g.rename.Rename(s, f.Handle, "B")
				}
				return g.change.Delete(s, f.Handle)
			},
			func(i int) string { return []string{fmt.Sprintf("A:%d ", i), "B:1 ", ""}[i%3] }, "",
		},
		{
			"appended", 1,
			func(g *manyGrants, s *framework.Session, _ framework.Field, _ int) error {
				var do errands
				for range 2 * manyEdits {
					do.err(g.add.Append(s, "B", "1"))
				}
				return do.first
			},
			func(int) string { return "A:1 " + strings.Repeat("B:1 ", 2*manyEdits) }, "",
		},
	}
	for name, start := range realmta.Each(realmta.Config{}) {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			mta, g := behind(t, start, "unix")
			for _, tt := range tests {
				serveLanes(t, g, []lane{{filter: registers{"many", tt.edit.with}}})
				mta.Sink().Reset()
				got := oneLine(delivered(t, mta, realmta.Message{
					From: "a@example.org", To: []string{manyTo}, Data: []byte(strings.Repeat("A: 1\r\n", tt.fields) + "\r\nbody\r\n"),
				}))
				want := strings.TrimSuffix("- "+tt.above+each(tt.fields, tt.want), " ")
				assert.True(t, bytes.Equal([]byte(want), []byte(got)), "%s, %d edits:\n%s", tt.name, tt.fields, clip(got))
			}
		})
	}
}

// TestManyRecipients adds and deletes thousands of recipients.
func TestManyRecipients(t *testing.T) {
	t.Parallel()
	const added, deleted = 12_000, 900
	for name, start := range realmta.Each(realmta.Config{}) {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			mta, g := behind(t, start, "unix")
			var edit editMany = func(g *manyGrants, s *framework.Session, _ framework.Field, _ int) error {
				var do errands
				for i := range added {
					do.err(g.rcpt.Add(s, fmt.Sprintf("new%d@example.test", i)))
				}
				for i := range deleted {
					do.err(g.unrcpt.Delete(s, fmt.Sprintf("<old%d@example.test>", i)))
				}
				return do.first
			}
			serveLanes(t, g, []lane{{filter: registers{"many", edit.with}}})
			letter := realmta.Message{From: "a@example.org", To: []string{manyTo}, Data: []byte(simple)}
			for i := range deleted {
				letter.To = append(letter.To, fmt.Sprintf("old%d@example.test", i))
			}
			delivered(t, mta, letter)
			got := map[string]int{}
			count := func() int {
				clear(got)
				for _, d := range mta.Sink().Delivered() {
					for _, to := range d.To {
						got[to]++
					}
				}
				return len(got)
			}
			// A mail server takes long to deliver to that many on a busy machine.
			require.Eventually(t, func() bool { return count() == added+1 }, 5*limit, 10*tick)
			for _, to := range []string{manyTo, "new0@example.test", fmt.Sprintf("new%d@example.test", added-1)} {
				assert.Equal(t, 1, got[to], to)
			}
		})
	}
}
