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

// TestProveModifications shows which modifications the servers accept together,
// and what happens to modifications that were not negotiated.
func TestProveModifications(t *testing.T) {
	t.Parallel()
	const all = wire.ActionAddHdrs | wire.ActionChgHdrs | wire.ActionChgBody
	body := func(text string) wire.Reply { return &wire.ReplaceBody{Chunk: []byte(text)} }
	const inserted, replaced = "X: y\r\n" + simple, "From: a@example.org\r\nSubject: s\r\n\r\nnew\r\n"
	const both = "X: y\r\n" + replaced
	const refused = "refused for now"
	tests := []struct {
		name              string
		actions           wire.Actions
		edits             []wire.Reply
		postfix, sendmail string
	}{
		{"body last", all, []wire.Reply{insert(0, "X", "y"), body("ne"), body("w\r\n")}, both, both},
		{"body first", all, []wire.Reply{body("ne"), body("w\r\n"), insert(0, "X", "y")}, both, both},
		{"body cut by another", all, []wire.Reply{body("ne"), insert(0, "X", "y"), body("w\r\n")}, refused, both},
		{"header, not negotiated", 0, []wire.Reply{insert(0, "X", "y")}, inserted, inserted},
		{"body, not negotiated", 0, []wire.Reply{body("new\r\n")}, replaced, refused},
	}
	for name, start := range realmta.Each(realmta.Config{}) {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			mta := start(t)
			for _, tt := range tests {
				milter{actions: tt.actions, answer: atEOM(tt.edits...)}.start(t, mta)
				mta.Sink().Reset()
				m := withEnvelope(realmta.Message{Data: []byte(simple)}, "edited")
				got := refused
				if code, _ := dial(t, mta.Addr()).Deliver(m); code == 250 {
					got = string(mta.Sink().Wait(t, 1)[0].WithoutTrace())
				} else {
					assert.Equal(t, 451, code, tt.name)
				}
				assert.Equal(t, map[string]string{"postfix": tt.postfix, "sendmail": tt.sendmail}[name], got, tt.name)
			}
		})
	}
}

// TestProveVersionMacro shows how a filter can distinguish the servers: by the
// macro v. Sendmail sends it only on request. Postfix sends it unless the
// filter requests a list for the connection that does not contain it.
func TestProveVersionMacro(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name              string
		lists             []wire.MacroList
		postfix, sendmail string
	}{
		{"no list", nil, `v="Postfix `, ""},
		{"another macro", macroLists("j", wire.MacroConnect), "", ""},
		{"asked for", macroLists("v", wire.MacroConnect), `v="Postfix `, `v="8.`},
		{"asked for at HELO", macroLists("v", wire.MacroHelo), `v="Postfix `, `v="8.`},
	}
	for name, start := range realmta.Each(realmta.Config{}) {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			mta := start(t)
			for _, tt := range tests {
				// The MTA sends the macros although it does not
				// send the commands.
				lines := oneMessage(t, mta, milter{actions: wire.ActionSetSymList, macros: tt.lists, protocol: nothing})
				want := map[string]string{"postfix": tt.postfix, "sendmail": tt.sendmail}[name]
				found := slices.ContainsFunc(lines, func(l string) bool {
					return strings.HasPrefix(l, "MTA SMFIC_MACRO") && strings.Contains(l, " "+want)
				})
				if want == "" {
					found = !slices.ContainsFunc(lines, func(l string) bool { return strings.Contains(l, ` v="`) })
				}
				assert.True(t, found, "%s: %q", tt.name, lines)
			}
		})
	}
}
