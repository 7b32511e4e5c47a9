package wire_test

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/sluicemail/sluice/wire"
)

func TestNegotiateVersions(t *testing.T) {
	t.Parallel()
	cases := []struct {
		version byte
		reason  string
	}{
		{0, "wire: not implemented: milter protocol version 0"},
		{1, "wire: not implemented: milter protocol version 1"},
		{2, ""},
		{6, ""},
		{7, ""}, // an MTA to come; the answer names a version of ours
		{255, ""},
	}
	for _, tc := range cases {
		var m wire.Negotiate
		err := m.Decode([]byte{0, 0, 0, tc.version, 0, 0, 0, 0, 0, 0, 0, 0})
		if tc.reason == "" {
			require.NoError(t, err)
			assert.Equal(t, uint32(tc.version), m.Version)
			continue
		}
		require.ErrorIs(t, err, wire.ErrNotImplemented)
		require.EqualError(t, err, tc.reason)
	}
}

// libmilter reads three numbers and ignores the rest.
func TestAnOfferMaySayMore(t *testing.T) {
	t.Parallel()
	const offer = "O\x00\x00\x00\x08\x00\x00\x03\xFF\x80\x3F\xFF\xFF"
	for _, more := range []string{"\x00", "\x00\x00\x00\x09", "\x00\x00\x00\x01i\x00", "not a list"} {
		got, err := wire.ParseCommand(frameOf(offer + more))
		require.NoErrorf(t, err, "%q", more)
		assert.Equal(t, &wire.Negotiate{Version: 8, Actions: 0x3FF, Protocol: 0x803FFFFF}, got)
	}
}

func TestAnAnswersMacroLists(t *testing.T) {
	t.Parallel()
	const answer = "\x00\x00\x00\x06\x00\x00\x01\x00\x00\x00\x00\x00"
	cases := []struct {
		name, lists string
		want        []wire.MacroList
		reason      string
	}{
		{"none", "", nil, ""},
		{"empty", "\x00\x00\x00\x05\x00", []wire.MacroList{{wire.MacroEOM, ""}}, ""},
		{
			"twice the same", "\x00\x00\x00\x00a\x00\x00\x00\x00\x00b\x00",
			[]wire.MacroList{{wire.MacroConnect, "a"}, {wire.MacroConnect, "b"}},
			"",
		},
		{
			"a stage not known is passed over", "\x00\x00\x00\x07a\x00\xFF\xFF\xFF\xFFb\x00\x00\x00\x00\x01c\x00",
			[]wire.MacroList{{wire.MacroHelo, "c"}},
			"",
		},
		{"no names", "\x00\x00\x00\x05", nil, "string without a terminating NUL"},
		{"no NUL", "\x00\x00\x00\x05i", nil, "string without a terminating NUL"},
		{"half a stage", "\x00\x00\x00", nil, "truncated"},
	}
	for _, tc := range cases {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			var m wire.Negotiate
			err := m.Decode(text(answer + tc.lists))
			if tc.reason != "" {
				requireViolation(t, err, "SMFIC_OPTNEG", tc.reason)
				return
			}
			require.NoError(t, err)
			assert.Equal(t, tc.want, m.Macros)
		})
	}
}
