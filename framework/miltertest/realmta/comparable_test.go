package realmta_test

import (
	"testing"

	"github.com/stretchr/testify/assert"

	"github.com/sluicemail/sluice/framework/miltertest/realmta"
)

func TestComparable(t *testing.T) {
	t.Parallel()
	tests := map[string]struct{ message, want string }{
		"nothing to do":     {"A: b\r\n\tc\r\n\r\nbody\r\n", "A: b\r\n\tc\r\n\r\nbody\r\n"},
		"addresses":         {"TO:a@b.test ,\r\n\tc@d.test,e\r\n\r\n", "TO: a@b.test, c@d.test, e\r\n\r\n"},
		"taken away":        {"Bcc: a\r\n b\r\nX: y\r\nReturn-Path: <>\r\n\r\nz", "X: y\r\n\r\nz"},
		"a body like that":  {"A: b\r\n\r\nBcc: a\r\nTo:  b\r\n", "A: b\r\n\r\nBcc: a\r\nTo:  b\r\n"},
		"no body":           {"A: b\r\n", "A: b\r\n\r\n"},
		"no header":         {"\r\nbody", "\r\nbody"},
		"nothing":           {"", "\r\n"},
		"only in its place": {"X-To: a ,b\r\n\r\n", "X-To: a ,b\r\n\r\n"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			assert.Equal(t, tt.want, string(realmta.Comparable([]byte(tt.message))))
		})
	}
}
