package dkim_test

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/emersion/go-msgauth/authres"
	"github.com/stretchr/testify/require"

	"github.com/sluicemail/sluice/contrib/dkim"
	"github.com/sluicemail/sluice/framework/message"
	"github.com/sluicemail/sluice/framework/miltertest"
)

func FuzzParseRecord(f *testing.F) {
	for _, record := range []string{rsaRecord6376, ed25519Record8463, "v=DKIM1; p=", "k=rsa; h=sha1:sha256; s=*; t=y:s; p=AAAA", "v=DKIM1;;p"} {
		f.Add(record)
	}
	f.Fuzz(func(t *testing.T, text string) {
		record, err := dkim.ParseRecord(text)
		if err != nil {
			require.Nil(t, record)
			return
		}
		require.Positive(t, record.Bits)
		_, err = dkim.FormatRecord(record.Public)
		require.NoError(t, err)
	})
}

// FuzzVerify verifies arbitrary input. The results must be safe to display, and
// a field with them must parse again.
func FuzzVerify(f *testing.F) {
	files, err := filepath.Glob("testdata/*.eml")
	require.NoError(f, err)
	for _, file := range files {
		text, err := os.ReadFile(file)
		require.NoError(f, err)
		f.Add(string(text), rsaRecord6376)
	}
	f.Add("DKIM-Signature: v=1; a=rsa-sha256; d=example.com; s=x; h=from; l=99; bh=AA==; b=AA==\nFrom: a\n\nx", "p=")
	f.Fuzz(func(t *testing.T, message, record string) {
		cfg := dkim.Verifying{Resolver: anyName(record), MaxSignatures: 5}
		results, err := dkim.Verify(t.Context(), cfg, strings.NewReader(message))
		if err != nil {
			return
		}
		require.LessOrEqual(t, len(results), 5)
		value, err := dkim.FormatResults("mx.example.net", results)
		require.NoError(t, err)
		for _, line := range strings.Split(value, "\n")[1:] {
			require.True(t, strings.HasPrefix(line, "\t"), value)
		}
		require.NotContains(t, value, "\r")
		id, parsed, err := authres.Parse(strings.ReplaceAll(value, "\n", "\r\n"))
		require.NoError(t, err, value)
		require.Equal(t, "mx.example.net", id)
		require.Len(t, parsed, len(results), value)
	})
}

// FuzzPolicy puts an address of a domain with a policy into any From field. The policy must
// apply, unless the field conforms and the address is in a display name or a comment.
func FuzzPolicy(f *testing.F) {
	filter, err := dkim.NewVerifier(dkim.Config{Verifying: dkim.Verifying{
		Resolver: zone{}, AuthservID: "mx", Policies: map[string]dkim.Policy{"bank.example": {Unsigned: dkim.Reject}},
	}})
	require.NoError(f, err)
	for _, around := range [][2]string{
		{"", ""}, {"Bank, Inc. <", ">"}, {"'", " '"}, {"a@other.example, \"", " (\\"}, {"((", ") ."}, {"<@", ":a@other.example>"}, {"\xe4 \uff20", "\f"},
	} {
		f.Add(around[0], around[1])
	}
	f.Fuzz(func(t *testing.T, before, behind string) {
		if strings.ContainsAny(before+behind, "\r\n\x00") || strings.Contains(before, "=?") || len(before+behind) > 1000 {
			t.Skip()
		}
		value := before + "ceo@bank.example" + strings.TrimRight(" "+behind, " ")
		list, err := message.ParseAddressList(strings.ToValidUTF8(value, "\ufffd"), message.Strict)
		applies := err != nil || slices.ContainsFunc(list, func(a message.Address) bool { return a.Domain.ASCII() == "bank.example" })
		res := miltertest.Run(t, filter, miltertest.Message("From: "+value+"\n\nx\n"), quiet())
		if applies {
			require.Contains(t, res.Reply(), "550 5.7.20", "%q", value)
		}
	})
}
