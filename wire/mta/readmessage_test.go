package mta_test

import (
	"errors"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/sluicemail/sluice/wire/mta"
)

func TestReadMessage(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		in     string
		header []mta.Field
		body   string
	}{
		"nothing":             {"", nil, ""},
		"no header":           {"\r\nbody\r\n", nil, "body\r\n"},
		"no body":             {"A: 1\r\n", []mta.Field{{"A", " 1"}}, ""},
		"empty body":          {"A: 1\r\n\r\n", []mta.Field{{"A", " 1"}}, ""},
		"LF":                  {"A: 1\n\nx\ny", []mta.Field{{"A", " 1"}}, "x\r\ny\r\n"},
		"folded":              {"A: 1\r\n 2\r\n\t3\r\nB:4\r\n\r\n", []mta.Field{{"A", " 1\n 2\n\t3"}, {"B", "4"}}, ""},
		"spaces stay":         {"A:  1 \r\n\r\n", []mta.Field{{"A", "  1 "}}, ""},
		"space before colon":  {"A : 1\r\n\r\n", []mta.Field{{"A", " 1"}}, ""},
		"empty value":         {"A:\r\n\r\n", []mta.Field{{"A", ""}}, ""},
		"no field":            {"A: 1\r\nno field\r\n\r\nx\r\n", []mta.Field{{"A", " 1"}}, "no field\r\n\r\nx\r\n"},
		"folding at the top":  {" x\r\nA: 1\r\n", nil, " x\r\nA: 1\r\n"},
		"no name":             {": 1\r\n", nil, ": 1\r\n"},
		"name with a space":   {"A b: 1\r\n", nil, "A b: 1\r\n"},
		"8-bit and bare CR":   {"A: \xff\r\n\r\na\rb\r\n", []mta.Field{{"A", " \xff"}}, "a\rb\r\n"},
		"empty lines at end":  {"A: 1\n\n\n\n", []mta.Field{{"A", " 1"}}, "\r\n\r\n"},
		"an mbox From line":   {"From a@b\r\nA: 1\r\n", nil, "From a@b\r\nA: 1\r\n"},
		"line of spaces only": {"A: 1\r\n \r\n\r\nx", []mta.Field{{"A", " 1\n "}}, "x\r\n"},
	} {
		m, err := mta.ReadMessage(strings.NewReader(tt.in))
		require.NoError(t, err, name)
		assert.Equal(t, tt.header, m.Header, name)
		assert.Equal(t, tt.body, string(m.Body), name)
	}
	_, err := mta.ReadMessage(iotest.ErrReader(errors.New("broken")))
	require.Error(t, err)
}

func TestBytes(t *testing.T) {
	t.Parallel()
	m := letter()
	m.Received = &mta.Field{Name: "Received", Value: " by mx\n\twith ESMTP"}
	m.Header = append(m.Header, mta.Field{Name: "X", Value: "a\r\n b"})
	assert.Equal(t, "Received: by mx\r\n\twith ESMTP\r\nFrom: a@example.org\r\nSubject: hello\r\n world\r\n"+
		"X:a\r\n b\r\n\r\none\r\ntwo\r\n", string(m.Bytes()))
}
