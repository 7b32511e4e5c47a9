package ascii_test

import (
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"

	"github.com/sluicemail/sluice/framework/internal/ascii"
)

// kelvin is the Kelvin sign, which package strings folds to "k".
const kelvin = "\u212a"

func TestLower(t *testing.T) {
	t.Parallel()
	for c := range 256 {
		want := byte(c)
		if i := strings.IndexByte("ABCDEFGHIJKLMNOPQRSTUVWXYZ", want); i >= 0 {
			want = "abcdefghijklmnopqrstuvwxyz"[i]
		}
		assert.Equal(t, want, ascii.Lower(byte(c)), "byte %#02x", c)
	}
}

func TestToLower(t *testing.T) {
	t.Parallel()
	tests := []struct{ name, in, want string }{
		{"empty", "", ""},
		{"lower case", "subject", "subject"},
		{"upper case", "SUBJECT", "subject"},
		{"last letter", "subjecT", "subject"},
		{"neighbours of the letters", "@AZ[`az{", "@az[`az{"},
		{"other letters", "\u00c4" + kelvin, "\u00c4" + kelvin},
		{"invalid UTF-8", "\xffA\xc4", "\xffa\xc4"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			assert.Equal(t, tt.want, ascii.ToLower(tt.in))
		})
	}
}

func TestEqualFold(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name, a, b string
		want       bool
	}{
		{"empty", "", "", true},
		{"same", "Subject", "Subject", true},
		{"other case", "SUBJECT", "subject", true},
		{"other letter", "Subject", "Subjekt", false},
		{"shorter", "Subject", "Subjec", false},
		{"longer", "Subject", "Subjects", false},
		{"apart by 32, but no letters", "@[", "`{", false},
		{"Kelvin sign", kelvin, "k", false},
		{"other letters", "\u00c4", "\u00e4", false},
		{"invalid UTF-8", "\xffa", "\xffA", true},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			assert.Equal(t, tt.want, ascii.EqualFold(tt.a, tt.b))
			assert.Equal(t, tt.want, ascii.EqualFold(tt.b, tt.a))
			assert.Equal(t, tt.want, ascii.EqualFold([]byte(tt.a), tt.b))
			assert.Equal(t, tt.want, ascii.EqualFold(tt.a, []byte(tt.b)))
			assert.Equal(t, tt.want, ascii.EqualFold([]byte(tt.a), []byte(tt.b)))
		})
	}
}

func TestValidHeaderName(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name, in string
		want     bool
	}{
		{"empty", "", false},
		{"usual", "X-Spam-Status", true},
		{"one character", "X", true},
		{"first and last character", "!~", true},
		{"punctuation", "a(b)=\"c\"", true},
		{"space", "Sub ject", false},
		{"trailing space", "Subject ", false},
		{"colon", "Subject:", false},
		{"tab", "Sub\tject", false},
		{"line break", "Subject\r\nBcc", false},
		{"NUL", "Subject\x00", false},
		{"DEL", "Subject\x7f", false},
		{"not ASCII", "S\u00fcbject", false},
		{"invalid UTF-8", "Subject\xff", false},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			assert.Equal(t, tt.want, ascii.ValidHeaderName(tt.in))
		})
	}
}

func TestAllocations(t *testing.T) { //nolint:paralleltest // AllocsPerRun counts the allocations of all goroutines
	field, name, ok := []byte("X-Spam-Status"), "x-spam-status", true
	allocs := testing.AllocsPerRun(100, func() {
		ok = ok && ascii.EqualFold(field, name) && ascii.ValidHeaderName(name) && ascii.ToLower(name) == name
	})
	assert.Zero(t, allocs)
	assert.True(t, ok)
}

// ftext is RFC 5322's "1*ftext", by its ranges of characters.
var ftext = regexp.MustCompile(`\A[!-9;-~]+\z`)

func FuzzNames(f *testing.F) {
	f.Add("Subject", "SUBJECT")
	f.Add("k", kelvin)
	f.Add("X-Spam: yes", "\xff")
	f.Fuzz(func(t *testing.T, a, b string) {
		lower := ascii.ToLower(a)
		assert.True(t, ascii.EqualFold(a, lower))
		assert.Equal(t, lower, ascii.ToLower(lower))
		equal := ascii.EqualFold(a, b)
		assert.Equal(t, lower == ascii.ToLower(b), equal)
		assert.Equal(t, equal, ascii.EqualFold([]byte(a), b))
		if equal {
			assert.True(t, strings.EqualFold(a, b))
		}
		valid := ascii.ValidHeaderName(a)
		assert.Equal(t, ftext.MatchString(a), valid)
		assert.Equal(t, valid, ascii.ValidHeaderName(lower))
	})
}
