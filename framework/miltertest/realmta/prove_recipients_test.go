//go:build integration

package realmta_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"

	"github.com/sluicemail/sluice/framework/miltertest/realmta"
	"github.com/sluicemail/sluice/wire"
)

// TestProveRecipientEdits shows which spellings of a recipient the servers take for
// the same one. The message has the recipients Bob@example.test and
// last@example.test. An empty sendmail means the same as Postfix.
func TestProveRecipientEdits(t *testing.T) {
	t.Parallel()
	add := func(addr string) wire.Reply { return &wire.AddRcpt{Recipient: addr} }
	remove := func(addr string) wire.Reply { return &wire.DelRcpt{Recipient: addr} }
	tests := []struct {
		name              string
		edits             []wire.Reply
		postfix, sendmail string
	}{
		{"add it", []wire.Reply{add("<Bob@example.test>")}, "Bob@example.test Bob@example.test", "Bob@example.test"},
		{"add it without brackets", []wire.Reply{add("Bob@example.test")}, "Bob@example.test Bob@example.test", "Bob@example.test"},
		{"add it with another domain", []wire.Reply{add("<Bob@EXAMPLE.test>")}, "Bob@EXAMPLE.test Bob@example.test", ""},
		{"add it in quotes", []wire.Reply{add(`<"Bob"@example.test>`)}, "Bob@example.test Bob@example.test", `"Bob"@example.test Bob@example.test`},
		{"add it by a route", []wire.Reply{add("<@relay.test:Bob@example.test>")}, "Bob@example.test Bob@example.test", "Bob@example.test"},
		{"delete it without brackets", []wire.Reply{remove("Bob@example.test")}, "", ""},
		{"delete it with another domain", []wire.Reply{remove("<Bob@EXAMPLE.test>")}, "Bob@example.test", ""},
		{"delete it in quotes", []wire.Reply{remove(`<"Bob"@example.test>`)}, "", "Bob@example.test"},
		{"delete it twice", []wire.Reply{remove("<Bob@example.test>"), remove("<Bob@example.test>")}, "", ""},
		{"delete it and add it", []wire.Reply{remove("<Bob@example.test>"), add("<Bob@example.test>")}, "Bob@example.test", ""},
		{"delete another", []wire.Reply{remove("<nobody@example.test>")}, "Bob@example.test", ""},
	}
	for name, start := range realmta.Each(realmta.Config{}) {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			mta := start(t)
			for _, tt := range tests {
				want := tt.postfix
				if name == "sendmail" && tt.sendmail != "" {
					want = tt.sendmail
				}
				const actions = wire.ActionAddRcpt | wire.ActionDelRcpt
				milter{actions: actions, answer: atEOM(tt.edits...)}.start(t, mta)
				mta.Sink().Reset()
				m := realmta.Message{From: "a@example.org", To: []string{"last@example.test", "Bob@example.test"}, Data: []byte(simple)}
				delivered(t, mta, m)
				assert.Equal(t, want, others(mta.Sink().Delivered(), "last@example.test"), tt.name)
			}
		})
	}
}

// others returns the recipients other than last, sorted.
func others(all []realmta.Delivered, last string) string {
	var list []string
	for _, d := range all {
		list = append(list, slices.DeleteFunc(slices.Clone(d.To), func(to string) bool { return to == last })...)
	}
	slices.Sort(list)
	return strings.Join(list, " ")
}
