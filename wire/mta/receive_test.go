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

// What filters see of a message, by the MTA that an SMTP client sent it to. A test of
// examples/probe compares it with the real servers.
func TestFlavorReadMessage(t *testing.T) {
	t.Parallel()
	const postfix, sendmail, plain = mta.Postfix, mta.Sendmail, mta.Plain
	for name, c := range map[string]struct {
		text string
		want map[mta.Flavor]string
	}{
		"nothing to change": {"A: b\n\nc\n", map[mta.Flavor]string{
			postfix: "A: b\n\nc\n", sendmail: "A: b\n\nc\n", plain: "A: b\n\nc\n",
		}},
		"fields of delivery": {"Return-Path: <x>\nBCC: y,\n z\nA: b\nResent-Bcc:z\nContent-Length : 2\n\n", map[mta.Flavor]string{
			postfix: "A: b\n\n", sendmail: "Return-Path: <x>\nBCC: y,\n z\nA: b\nResent-Bcc:z\nContent-Length: 2\n\n",
			plain: "Return-Path: <x>\nBCC: y,\n z\nA: b\nResent-Bcc:z\nContent-Length: 2\n\n",
		}},
		"fields that only look like them": {"X-Bcc: y\nBccs: y\n\nBcc: y\n", map[mta.Flavor]string{
			postfix: "X-Bcc: y\nBccs: y\n\nBcc: y\n",
		}},
		"a From line": {"From a Thu\nA: b\n\nFrom c\n", map[mta.Flavor]string{
			postfix: "X-Mailbox-Line: From a Thu\nA: b\n\nFrom c\n", sendmail: "A: b\n\nFrom c\n", plain: "\nFrom a Thu\nA: b\n\nFrom c\n",
		}},
		"a quoted From line": {">>From a\nA: b\n\n", map[mta.Flavor]string{
			postfix: "X-Mailbox-Line: >>From a\nA: b\n\n", sendmail: "\n>>From a\nA: b\n\n",
		}},
		"two From lines": {"From a\n>From c\nA: b\n\n", map[mta.Flavor]string{
			postfix: "X-Mailbox-Line: From a\nX-Mailbox-Line: >From c\nA: b\n\n", sendmail: "\n>From c\nA: b\n\n",
		}},
		"a From line alone": {"From a", map[mta.Flavor]string{postfix: "X-Mailbox-Line: From a\n\n", sendmail: "\n", plain: "\nFrom a\n"}},
		"a From field":      {"From: a\n\n", map[mta.Flavor]string{postfix: "From: a\n\n", sendmail: "From: a\n\n"}},
		"CR before LF":      {"A: b\r\n\r\r\nc\r\r\r\n\r\n", map[mta.Flavor]string{postfix: "A: b\n\nc\n\n"}},
		"CR alone":          {"A: b\rc\n\rBcc: d\n\n\re\rf\n", map[mta.Flavor]string{postfix: "A: b c\n Bcc: d\n\n e f\n", plain: "A: b\rc\n\n\rBcc: d\n\n\re\rf\n"}},
		"a long field": {"A: " + strings.Repeat("x", 70_000) + "\nB: c\n\n", map[mta.Flavor]string{
			postfix: "A: " + strings.Repeat("x", 59_997) + "\nB: c\n\n", sendmail: "A: " + strings.Repeat("x", 70_000) + "\nB: c\n\n",
		}},
		"a long folded field": {"A: b\n " + strings.Repeat("x", 70_000) + "\n\n", map[mta.Flavor]string{postfix: "A: b\n\n"}},
		"nothing":             {"", map[mta.Flavor]string{postfix: "\n", sendmail: "\n", plain: "\n"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			for flavor, want := range c.want {
				m, err := flavor.ReadMessage(strings.NewReader(c.text))
				require.NoError(t, err)
				assert.Equal(t, want, strings.ReplaceAll(string(m.Bytes()), "\r\n", "\n"), flavor.String())
			}
		})
	}
}

func TestFlavorReadMessageFails(t *testing.T) {
	t.Parallel()
	broken := errors.New("broken")
	for _, flavor := range []mta.Flavor{mta.Postfix, mta.Sendmail, mta.Plain} {
		_, err := flavor.ReadMessage(iotest.ErrReader(broken))
		assert.ErrorIs(t, err, broken)
	}
}
