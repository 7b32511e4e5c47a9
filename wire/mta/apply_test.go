package mta_test

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/sluicemail/sluice/wire"
	"github.com/sluicemail/sluice/wire/mta"
)

func add(name, value string) wire.Reply { return &wire.AddHeader{Name: name, Value: value} }

func ins(index int32, name, value string) wire.Reply {
	return &wire.InsertHeader{Index: uint32(index), Name: name, Value: value}
}

func chg(index int32, name, value string) wire.Reply {
	return &wire.ChangeHeader{Index: uint32(index), Name: name, Value: value}
}

// header parses "A:1 B:2" into fields.
func header(s string) []mta.Field {
	var out []mta.Field
	for f := range strings.FieldsSeq(s) {
		name, value, _ := strings.Cut(f, ":")
		out = append(out, mta.Field{Name: name, Value: value})
	}
	return out
}

func show(m *mta.Message) string {
	var out []string
	for line := range strings.SplitSeq(strings.TrimSpace(string(m.Bytes())), "\r\n") {
		if line == "R:0" {
			out = append(out, line, "|")
		} else {
			out = append(out, line)
		}
	}
	return strings.Join(out, " ")
}

func TestApplyHeader(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		mods              []wire.Reply
		postfix, sendmail string // the same if empty
	}{
		"add":                       {[]wire.Reply{add("C", "3")}, "R:0 | A:1 B:2 A:3 C:3", ""},
		"insert at 0":               {[]wire.Reply{ins(0, "C", "3")}, "C:3 R:0 | A:1 B:2 A:3", ""},
		"insert at 1":               {[]wire.Reply{ins(1, "C", "3")}, "R:0 | C:3 A:1 B:2 A:3", ""},
		"insert at 3":               {[]wire.Reply{ins(3, "C", "3")}, "R:0 | A:1 B:2 C:3 A:3", "R:0 | C:3 A:1 B:2 A:3"},
		"insert at 10":              {[]wire.Reply{ins(10, "C", "3")}, "R:0 | A:1 B:2 A:3 C:3", "R:0 | A:1 B:2 C:3 A:3"},
		"add one that is there":     {[]wire.Reply{add("a", "9")}, "R:0 | A:1 B:2 A:3 a:9", "R:0 | a:9 A:1 B:2 A:3"},
		"add one in store":          {[]wire.Reply{add("from", "9")}, "R:0 | A:1 B:2 A:3 from:9", "R:0 | From:9 A:1 B:2 A:3"},
		"add one with a condition":  {[]wire.Reply{add("Full-Name", "9")}, "R:0 | A:1 B:2 A:3 Full-Name:9", "R:0 | A:1 B:2 A:3"},
		"insert past the end":       {[]wire.Reply{ins(99, "C", "3")}, "R:0 | A:1 B:2 A:3 C:3", ""},
		"insert below zero":         {[]wire.Reply{ins(-1, "C", "3")}, "R:0 | A:1 B:2 A:3 C:3", "C:3 R:0 | A:1 B:2 A:3"},
		"insert twice at 1":         {[]wire.Reply{ins(1, "C", "3"), ins(1, "D", "4")}, "R:0 | D:4 C:3 A:1 B:2 A:3", ""},
		"change":                    {[]wire.Reply{chg(1, "b", "x")}, "R:0 | A:1 b:x A:3", "R:0 | A:1 B:x A:3"},
		"change the second":         {[]wire.Reply{chg(2, "A", "x")}, "R:0 | A:1 B:2 A:x", ""},
		"change index 0":            {[]wire.Reply{chg(0, "A", "x")}, "R:0 | A:x B:2 A:3", ""},
		"change below zero":         {[]wire.Reply{chg(-1, "A", "x")}, "R:0 | A:1 B:2 A:3 A:x", "R:0 | A:x B:2 A:3"},
		"change past the last":      {[]wire.Reply{chg(3, "A", "x")}, "R:0 | A:1 B:2 A:3 A:x", "R:0 | A:x A:1 B:2 A:3"},
		"change what is not there":  {[]wire.Reply{chg(1, "C", "x")}, "R:0 | A:1 B:2 A:3 C:x", ""},
		"delete":                    {[]wire.Reply{chg(1, "A", "")}, "R:0 | B:2 A:3", ""},
		"delete what is not there":  {[]wire.Reply{chg(3, "A", "")}, "R:0 | A:1 B:2 A:3", ""},
		"delete first to last":      {[]wire.Reply{chg(1, "A", ""), chg(2, "A", "")}, "R:0 | B:2 A:3", "R:0 | B:2"},
		"delete last to first":      {[]wire.Reply{chg(2, "A", ""), chg(1, "A", "")}, "R:0 | B:2", ""},
		"delete, then change":       {[]wire.Reply{chg(1, "A", ""), chg(1, "A", "x")}, "R:0 | B:2 A:x", "R:0 | A:x B:2 A:3"},
		"change what was added":     {[]wire.Reply{add("C", "3"), chg(1, "C", "x")}, "R:0 | A:1 B:2 A:3 C:x", ""},
		"the MTA's own is hidden":   {[]wire.Reply{chg(1, "R", "x")}, "R:0 | A:1 B:2 A:3 R:x", "R:x R:0 | A:1 B:2 A:3"},
		"a name with a Kelvin sign": {[]wire.Reply{add("\u212a", "9"), chg(1, "K", "x")}, "R:0 | A:1 B:2 A:3 \u212a:9 K:x", ""},
		"hidden below another":      {[]wire.Reply{ins(0, "R", "9"), chg(1, "R", "x")}, "R:x R:0 | A:1 B:2 A:3", ""},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			for flavor, want := range map[mta.Flavor]string{mta.Postfix: tt.postfix, mta.Sendmail: tt.sendmail} {
				if want == "" {
					want = tt.postfix
				}
				m := &mta.Message{Received: &mta.Field{Name: "R", Value: "0"}, Header: header("A:1 B:2 A:3")}
				got, err := mta.Apply(m, tt.mods, flavor, wire.ProtoHdrLeadSpc)
				require.NoError(t, err)
				assert.Equal(t, want, show(got), flavor.String())
				assert.Equal(t, "R:0 | A:1 B:2 A:3", show(m), "the message was changed")
			}
		})
	}
}

// If a message has no Received, indexes still count the MTA's own field.
func TestApplyWithoutReceived(t *testing.T) {
	t.Parallel()
	for mods, want := range map[wire.Reply][2]string{
		ins(0, "C", "3"): {"C:3 A:1 B:2", "C:3 A:1 B:2"},
		ins(1, "C", "3"): {"C:3 A:1 B:2", "C:3 A:1 B:2"},
		ins(2, "C", "3"): {"A:1 C:3 B:2", "C:3 A:1 B:2"},
		ins(3, "C", "3"): {"A:1 B:2 C:3", "C:3 A:1 B:2"},
		add("C", "3"):    {"A:1 B:2 C:3", "A:1 B:2 C:3"},
	} {
		for _, flavor := range []mta.Flavor{mta.Postfix, mta.Sendmail} {
			got, err := mta.Apply(&mta.Message{Header: header("A:1 B:2")}, []wire.Reply{mods}, flavor, wire.ProtoHdrLeadSpc)
			require.NoError(t, err)
			assert.Equal(t, want[flavor], show(got))
		}
	}
}

func TestApplyLeadingSpace(t *testing.T) {
	t.Parallel()
	m := &mta.Message{Header: header("A:1")}
	mods := []wire.Reply{add("B", " x"), chg(1, "A", "y\n\tz"), ins(0, "C", "w")}
	for protocol, want := range map[wire.Protocol]string{
		0:                    "C: w\r\nA: y\r\n\tz\r\nB:  x\r\n\r\n",
		wire.ProtoHdrLeadSpc: "C:w\r\nA:y\r\n\tz\r\nB: x\r\n\r\n",
	} {
		got, err := mta.Apply(m, mods, mta.Postfix, protocol)
		require.NoError(t, err)
		assert.Equal(t, want, string(got.Bytes()))
	}
}

func TestApplyBody(t *testing.T) {
	t.Parallel()
	m := &mta.Message{Body: []byte("old\r\n")}
	for name, tt := range map[string]struct {
		mods []wire.Reply
		want string
	}{
		"as it was":     {nil, "old\r\n"},
		"empty":         {[]wire.Reply{&wire.ReplaceBody{}}, ""},
		"one CRLF, cut": {[]wire.Reply{&wire.ReplaceBody{Chunk: []byte("a\r")}, &wire.ReplaceBody{Chunk: []byte("\nb")}}, "a\r\nb\r\n"},
		"bare LF":       {[]wire.Reply{&wire.ReplaceBody{Chunk: []byte("a\nb\n")}}, "a\r\nb\r\n"},
	} {
		got, err := mta.Apply(m, tt.mods, mta.Postfix, 0)
		require.NoError(t, err)
		assert.Equal(t, tt.want, string(got.Body), name)
	}
}

func TestApplyEnvelope(t *testing.T) {
	t.Parallel()
	m := &mta.Message{Recipients: []mta.Recipient{{Addr: "<a@b>"}, {Addr: "c@d"}, {Addr: "<C@d>"}}}
	twice, err := mta.Apply(m, []wire.Reply{&wire.AddRcpt{Recipient: "a@b"}}, mta.Postfix, 0)
	require.NoError(t, err)
	assert.Len(t, twice.Recipients, 4)

	got, err := mta.Apply(m, []wire.Reply{
		&wire.AddRcpt{Recipient: "a@b"},
		&wire.AddRcpt{Recipient: "<e@f>"},
		&wire.DelRcpt{Recipient: "<c@d>"},
		&wire.DelRcpt{Recipient: "<nobody@d>"},
		&wire.Quarantine{Reason: "x"},
	}, mta.Sendmail, 0)
	require.NoError(t, err)
	assert.Equal(t, []mta.Recipient{{Addr: "<a@b>"}, {Addr: "<C@d>"}, {Addr: "<e@f>"}}, got.Recipients)
	assert.Len(t, m.Recipients, 3)

	_, err = mta.Apply(m, bare(wire.RepContinue), mta.Postfix, 0)
	var broken *wire.ProtocolError
	require.ErrorAs(t, err, &broken)
}
