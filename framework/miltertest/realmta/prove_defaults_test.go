//go:build integration

package realmta_test

import (
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/sluicemail/sluice/framework/miltertest/realmta"
	"github.com/sluicemail/sluice/wire"
)

// TestProveSendmailInsertIndex shows that Sendmail counts the H lines of its
// configuration as header fields, including those that it does not deliver. The
// usual sendmail.cf has a Received line and seven more that count.
func TestProveSendmailInsertIndex(t *testing.T) {
	t.Parallel()
	tests := map[string]struct {
		cfg  realmta.SendmailConfig
		want map[uint32]string
	}{
		"the usual configuration": {realmta.SendmailConfig{}, map[uint32]string{
			0: "X:y - A:1 B:2 A:3", 1: "- X:y A:1 B:2 A:3", 2: "- X:y A:1 B:2 A:3", 8: "- X:y A:1 B:2 A:3",
			9: "- A:1 X:y B:2 A:3", 10: "- A:1 B:2 X:y A:3", 11: "- A:1 B:2 A:3 X:y",
		}},
		"one line more": {realmta.SendmailConfig{Rules: []string{"H?Z?X-Never: z"}}, map[uint32]string{
			0: "X:y - A:1 B:2 A:3", 1: "- X:y A:1 B:2 A:3", 9: "- X:y A:1 B:2 A:3", 10: "- A:1 X:y B:2 A:3",
		}},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			mta := realmta.StartSendmail(t, tt.cfg)
			for index, want := range tt.want {
				assert.Equal(t, want, editedBy(t, mta, threeFields, insert(index, "X", "y")), "%d", index)
			}
		})
	}
}

// TestProveSendmailDefaults shows the fields that Sendmail adds with the mailer
// flags of its standard mailers.
func TestProveSendmailDefaults(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name, header string
		edit         wire.Reply
		want         string
	}{
		{"nothing", "A: 1\r\n", nil, "- Date:new From:sender@example.org Message-Id:new A:1"},
		{"nothing, all there", "A: 1\r\nDate: d\r\nFrom: f\r\nMessage-Id: <m@m>\r\n", nil, "- A:1 Date:d From:f Message-Id:<m@m>"},
		{"add", "A: 1\r\n", add("Message-Id", "x"), "- Date:new From:sender@example.org Message-Id:x A:1"},
		{"change", "A: 1\r\n", change(1, "Message-Id", "x"), "- Date:new From:sender@example.org Message-Id:x A:1"},
		{"insert at 1", "A: 1\r\n", insert(1, "Message-Id", "x"), "- Message-Id:x Date:new From:sender@example.org Message-Id:new A:1"},
		{"insert at the end", "A: 1\r\n", insert(atEnd, "Message-Id", "x"), "- Date:new From:sender@example.org Message-Id:new A:1 Message-Id:x"},
		{"delete", "Message-Id: <m@m>\r\nA: 1\r\n", remove(1, "Message-Id"), "- Date:new From:sender@example.org A:1"},
		{"add a second", "Message-Id: <m@m>\r\nA: 1\r\n", add("Message-Id", "x"), "- Date:new From:sender@example.org Message-Id:x Message-Id:<m@m> A:1"},
	}
	mta := realmta.StartSendmail(t, realmta.SendmailConfig{MailerFlags: "DFM"})
	changing := regexp.MustCompile(`Date:\w{3}, [^:]*:\d\d:\d\d \S+|Message-Id:<\d[^>]*>`)
	for _, tt := range tests {
		var edits []wire.Reply
		if tt.edit != nil {
			edits = append(edits, tt.edit)
		}
		got := changing.ReplaceAllStringFunc(editedBy(t, mta, tt.header, edits...), func(field string) string {
			name, _, _ := strings.Cut(field, ":")
			return name + ":new"
		})
		assert.Equal(t, tt.want, got, tt.name)
	}
}

// TestProvePostfixDefaults shows the defaults of Postfix that differ between
// versions and that decide what a filter is shown.
func TestProvePostfixDefaults(t *testing.T) {
	t.Parallel()
	mta := realmta.StartPostfix(t, realmta.PostfixConfig{})
	for name, want := range map[string]byVersion{
		"milter_default_action":          {"": "tempfail", "3.10": "shutdown"},
		"smtpd_forbid_bare_newline":      {"": "no", "3.10": "normalize"},
		"smtpd_forbid_unauth_pipelining": {"": "no", "3.10": "yes"},
		"milter_protocol":                always("6"),

		"smtpd_forbid_bare_newline_exclusions": always("$mynetworks"),
	} {
		out, err := mta.Command(t.Context(), "postconf", "-d", "-h", name).CombinedOutput()
		require.NoError(t, err, string(out))
		assert.Equal(t, want.of(t, mta)+"\n", string(out), name)
	}
}
