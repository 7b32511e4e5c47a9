package authres_test

import (
	"strings"
	"testing"
	"unicode"
	"unicode/utf8"

	"github.com/stretchr/testify/require"

	"github.com/sluicemail/sluice/contrib/authres"
	"github.com/sluicemail/sluice/framework/message"
)

// FuzzParse reads a field, writes what was read, and reads that again.
func FuzzParse(f *testing.F) {
	for _, value := range append(ours(), foreign()...) {
		f.Add(value)
	}
	f.Add("example.com 1 (c); dkim/1=fail reason=\"a \\\"b\\\"\" header.i=\"a b\"@example.net (x) arc.chain=a:b; ; spf=; none")
	f.Fuzz(func(t *testing.T, value string) {
		field, _ := authres.Parse(value)
		text, err := authres.Format(field)
		if err != nil {
			require.ErrorIs(t, err, authres.ErrField)
			return
		}
		require.Empty(t, message.FieldValueProblem(text), "%q", text)
		again, err := authres.Parse(text)
		require.NoError(t, err, "%q", text)
		require.Len(t, again.Results, len(field.Results), "%q", text)
		twice, err := authres.Format(again)
		require.NoError(t, err)
		require.Equal(t, text, twice)
	})
}

// FuzzFormat writes hostile values. Each stays one value in a line that is not too long.
func FuzzFormat(f *testing.F) {
	f.Add("mx.example", "reason", "value")
	f.Add("a\nb", "\"\\", "c\r\nBcc: d; spf=pass")
	f.Add("mx.bücher.example", "\xff", strings.Repeat("(", 500))
	f.Fuzz(func(t *testing.T, id, reason, value string) {
		field := authres.Field{ID: id, Results: results{{Method: "x", Value: "fail", Reason: reason, Properties: properties{property("a", "b", value)}}, pass("y")}}
		text, err := authres.Format(field)
		if err != nil {
			require.ErrorIs(t, err, authres.ErrField)
			require.Empty(t, strings.TrimFunc(id, func(r rune) bool { return r == ' ' || unicode.IsControl(r) || r == 0x2028 || r == 0x2029 }))
			return
		}
		for _, line := range strings.Split(text, "\n")[1:] {
			require.True(t, strings.HasPrefix(line, "\t"), "%q", text)
			require.LessOrEqual(t, len(line), 998)
			require.NotContains(t, line[1:], "\t")
		}
		require.True(t, utf8.ValidString(text))
		require.False(t, strings.ContainsFunc(strings.NewReplacer("\n", "", "\t", "").Replace(text), unicode.IsControl), "%q", text)
		again, err := authres.Parse(text)
		require.NoError(t, err, "%q", text)
		require.Len(t, again.Results, 2, "%q", text)
		if len(value) < 400 && utf8.ValidString(value) && !strings.ContainsFunc(value, unicode.IsControl) && !strings.ContainsAny(value, "\u2028\u2029") && value != "" {
			require.Equal(t, value, again.Results[0].Properties[0].Value)
		}
	})
}

// FuzzClaims compares the judgement with the reader: whoever reads a field as one of this
// host, Claims must say so.
func FuzzClaims(f *testing.F) {
	for _, value := range append(ours(), foreign()...) {
		f.Add(value)
	}
	f.Fuzz(func(t *testing.T, value string) {
		const id = "mx.example.net"
		field, _ := authres.Parse(value)
		if strings.EqualFold(strings.TrimSpace(field.ID), id) {
			require.True(t, authres.Claims(value, id))
		}
	})
}
