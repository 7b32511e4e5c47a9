package wire_test

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/sluicemail/sluice/wire"
)

func TestNewSMTPReply(t *testing.T) {
	t.Parallel()
	cases := []struct {
		name     string
		code     int
		enhanced string
		lines    []string
		want     string
	}{
		{"one line", 550, "5.7.1", []string{"no"}, "550 5.7.1 no"},
		{"two lines", 451, "4.7.1", []string{"a", "b"}, "451-4.7.1 a\r\n451 4.7.1 b"},
		{"no text", 550, "5.7.1", nil, "550 5.7.1 "},
		{"nothing but the code", 550, "", nil, "550 "}, // Postfix insists on the space
		{"empty line within", 550, "", []string{"a", "", "b"}, "550-a\r\n550-\r\n550 b"},
		{"no enhanced status", 421, "", []string{"later"}, "421 later"},
		{"percent", 550, "5.7.1", []string{"100% %s %%"}, "550 5.7.1 100%% %%s %%%%"},
		{"space around", 550, "", []string{" a  "}, "550  a"},
		{"UTF-8", 550, "", []string{"größer"}, "550 größer"},
		{"status in the text", 550, "", []string{"5.7.1 no"}, "550 5.7.1 no"},
		{"a digit of another class", 550, "", []string{"a", "4 viruses"}, "550-5.0.0 a\r\n550 5.0.0 4 viruses"},
		{"a digit behind a status", 450, "4.7.1", []string{"5 minutes"}, "450 4.7.1 5 minutes"},
		{"widest status", 599, "5.999.999", []string{"x"}, "599 5.999.999 x"},
	}
	for _, tc := range cases {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			got, err := wire.NewSMTPReply(tc.code, tc.enhanced, tc.lines...)
			require.NoError(t, err)
			assert.Equal(t, tc.want, got.Text)
			assert.Equal(t, tc.code, got.Code())
			requireEncodes(t, "y"+tc.want+"\x00", &got)
		})
	}
}

func TestNewSMTPReplyAtItsLimits(t *testing.T) {
	t.Parallel()
	lines := make([]string, wire.MaxReplyLines)
	for i := range lines {
		lines[i] = strings.Repeat("%", wire.MaxReplyLineLen-len("550 5.7.1 \r\n"))
	}
	got, err := wire.NewSMTPReply(550, "5.7.1", lines...)
	require.NoError(t, err)
	shown := got.Lines()
	require.Len(t, shown, wire.MaxReplyLines)
	assert.Equal(t, "550-5.7.1 "+lines[0], shown[0])
	assert.Equal(t, "550 5.7.1 "+lines[0], shown[wire.MaxReplyLines-1])
}

func TestNewSMTPReplyRefuses(t *testing.T) {
	t.Parallel()
	const (
		chars = "line contains a control character or is not UTF-8"
		long  = "line of more than 512 bytes, including code, status and CRLF"
	)
	cases := []struct {
		name     string
		code     int
		enhanced string
		lines    []string
		reason   string
	}{
		{"2yz", 250, "", nil, "code 250 is neither 4yz nor 5yz"},
		{"399", 399, "", nil, "code 399 is neither 4yz nor 5yz"},
		{"600", 600, "", nil, "code 600 is neither 4yz nor 5yz"},
		{"negative", -450, "", nil, "code -450 is neither 4yz nor 5yz"},
		{"other class", 550, "4.7.1", nil, `enhanced status "4.7.1" does not match code 550`},
		{"two parts", 550, "5.7", nil, `enhanced status "5.7" does not match code 550`},
		{"four parts", 550, "5.7.1.1", nil, `enhanced status "5.7.1.1" does not match code 550`},
		{"empty part", 550, "5..1", nil, `enhanced status "5..1" does not match code 550`},
		{"sign", 550, "5.+7.1", nil, `enhanced status "5.+7.1" does not match code 550`},
		{"long part", 550, "5.7.0001", nil, `enhanced status "5.7.0001" does not match code 550`},
		{"line end in the status", 550, "5.7.1\r\n", nil, `enhanced status "5.7.1\r\n" does not match code 550`},
		{"too many lines", 550, "", make([]string, wire.MaxReplyLines+1), "more than 32 lines"},
		{"too long", 550, "", []string{strings.Repeat("x", 507)}, long},
		{"too long with its status", 550, "5.7.1", []string{"a", strings.Repeat("x", 501)}, long},
		{"too long with the status that it gets", 550, "", []string{"4" + strings.Repeat("x", 500)}, long},
		{"CR", 550, "", []string{"a", "b\rc"}, chars},
		{"LF", 550, "", []string{"a\n250 ok"}, chars},
		{"NUL", 550, "", []string{"a\x00"}, chars},
		{"escape", 550, "", []string{"\x1b[31mred"}, chars},
		{"delete", 550, "", []string{"a\x7f"}, chars},
		{"Latin-1", 550, "", []string{"caf\xe9"}, chars},
		{"leading zero in the status", 550, "5.07.1", nil, `enhanced status "5.07.1" does not match code 550`},
	}
	for _, tc := range cases {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			_, err := wire.NewSMTPReply(tc.code, tc.enhanced, tc.lines...)
			var bad *wire.ValueError
			require.ErrorAs(t, err, &bad)
			assert.Equal(t, wire.ValueError{Message: "SMFIR_REPLYCODE", Reason: tc.reason}, *bad)
		})
	}
}
