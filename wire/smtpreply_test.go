package wire_test

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/sluicemail/sluice/wire"
)

// The rules that MTAs enforce for a reply, and the stricter ones for replies
// that this package encodes.
func TestSMTPReplyText(t *testing.T) {
	t.Parallel()
	const (
		noCode  = "no 4yz or 5yz code"
		noSep   = "no space or hyphen after the code"
		class   = "enhanced status and code are of different classes"
		place   = "hyphen after the code of the last line, or space after that of another"
		percent = "percent sign is not doubled"
		codes   = "lines with different codes"
		lineEnd = "bare CR or LF"
	)
	cases := []struct{ text, decode, encode string }{
		{"550 ", "", ""},
		{"550 5.7.1 no", "", ""},
		{"550 no", "", ""},
		{"550-5.7.1 a\r\n550-\r\n550 5.7.1 b", "", ""},
		{"421 4.2.1 100%% full %%%%", "", ""},
		{"", noCode, noCode},
		{"55", noCode, noCode},
		{"5x0 no", noCode, noCode},
		{"50x no", noCode, noCode},
		{"250 2.0.0 ok", noCode, noCode},
		{"650 no", noCode, noCode},
		{"550", noSep, noSep},
		{"5501 no", noSep, noSep},
		{"550_no", noSep, noSep},
		{"550 4.7.1 no", class, class},
		{"421 100%% full", class, class},
		{"550 5.7.1 a\r\n250 ok", "", place},
		{"550-5.7.1 a\r\n551 5.7.1 b", "", codes},
		{"550-5.7.1 a\r\n550-5.7.1 b", "", place},
		{"550 5.7.1 a\r\n550 5.7.1 b", "", place},
		{"550-5.7.1 a\r\n", "", noCode},
		{"550 5.7.1 a\n250 ok", "", lineEnd},
		{"550 5.7.1 a\rb", "", lineEnd},
		{"550 5.7.1 50% off", "", percent},
		{"550 5.7.1 %%%s", "", percent},
	}
	for _, tc := range cases {
		t.Run(tc.text, func(t *testing.T) {
			t.Parallel()
			var m wire.SMTPReply
			err := m.Decode(text(tc.text + "\x00"))
			if tc.decode == "" {
				require.NoError(t, err)
				assert.Equal(t, tc.text, m.Text)
			} else {
				requireViolation(t, err, "SMFIR_REPLYCODE", tc.decode)
			}
			m = wire.SMTPReply{Text: tc.text}
			if tc.encode == "" {
				requireEncodes(t, "y"+tc.text+"\x00", &m)
			} else {
				requireUnencodable(t, "SMFIR_REPLYCODE", tc.encode, &m)
			}
		})
	}
}

func TestSMTPReplyNUL(t *testing.T) {
	t.Parallel()
	requireUnencodable(t, "SMFIR_REPLYCODE", "value contains a NUL", &wire.SMTPReply{Text: "550 a\x00b"})
}

func TestSMTPReplyCode(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]int{
		"": 0, "55": 0, "550": 550, "451 x": 451, "599-": 599, "399 x": 0, "600 x": 0, "+50 x": 0, "4.7.1": 0, "٤٥٠": 0,
	} {
		assert.Equalf(t, want, (&wire.SMTPReply{Text: text}).Code(), "%q", text)
	}
}

func TestSMTPReplyLines(t *testing.T) {
	t.Parallel()
	cases := []struct {
		text string
		want []string
	}{
		{"550 5.7.1 no", []string{"550 5.7.1 no"}},
		{"550-5.7.1 a\r\n550 5.7.1 b", []string{"550-5.7.1 a", "550 5.7.1 b"}},
		{"550 50%% of 100%%", []string{"550 50% of 100%"}},
		{"550 %%%%", []string{"550 %%"}},
		{"550 50% off", []string{"550 50 off"}}, // as Postfix does
		{"550 %s%%s", []string{"550 s%s"}},
		{"550 %", []string{"550 "}},
	}
	for _, tc := range cases {
		assert.Equal(t, tc.want, (&wire.SMTPReply{Text: tc.text}).Lines())
	}
}
