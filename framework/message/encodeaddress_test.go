package message_test

import (
	"net/mail"
	"testing"
	"unicode/utf8"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/sluicemail/sluice/framework/message"
)

func TestEncodeAddresses(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		value, want string
		err         error
	}{
		"empty":                      {"", "", nil},
		"ASCII":                      {`"Clark, Ann" <a@b.c> (x), =?utf-8?q?J=C3=B6rg?= <d@e.f>`, `"Clark, Ann" <a@b.c> (x), =?utf-8?q?J=C3=B6rg?= <d@e.f>`, nil},
		"a name":                     {"Tobias Bölz via list <list@example.test>", "Tobias =?utf-8?q?B=C3=B6lz?= via list <list@example.test>", nil},
		"a quoted name":              {`"Müller, Jörg" <a@b.c>`, "=?utf-8?q?M=C3=BCller=2C_J=C3=B6rg?= <a@b.c>", nil},
		"quoted pairs":               {`"Mü \"x\" \\" <a@b.c>`, "=?utf-8?q?M=C3=BC_=22x=22_=5C?= <a@b.c>", nil},
		"one quoted, one not":        {`"Clark, Ann" Müller <a@b.c>`, `"Clark, Ann" =?utf-8?q?M=C3=BCller?= <a@b.c>`, nil},
		"a quoted part, glued":       {`Mül"ler" x <a@b.c>`, "=?utf-8?q?M=C3=BCller?= x <a@b.c>", nil},
		"glued to the address":       {"Müller<a@b.c>", "=?utf-8?q?M=C3=BCller?= <a@b.c>", nil},
		"several":                    {"Ä <a@b.c>, d@e.f,Ö <g@h.i>", "=?utf-8?q?=C3=84?= <a@b.c>, d@e.f, =?utf-8?q?=C3=96?= <g@h.i>", nil},
		"a group":                    {"Gäste: Ä <a@b.c>, d@e.f; , x@y.z", "=?utf-8?q?G=C3=A4ste?= : =?utf-8?q?=C3=84?= <a@b.c>, d@e.f; , x@y.z", nil},
		"a group of none":            {"Gäste:;", "=?utf-8?q?G=C3=A4ste?= :;", nil},
		"a comment":                  {"a@b.c (Müller \\(x\\) y), d@e.f (x)", "a@b.c (=?utf-8?q?M=C3=BCller?= \\(x\\) y), d@e.f (x)", nil},
		"comments in comments":       {"a@b.c (ä (ö) =?utf-8?q?x?= ü)", "a@b.c (=?utf-8?q?=C3=A4?= (=?utf-8?q?=C3=B6?=) =?utf-8?q?x?= =?utf-8?q?_=C3=BC?=)", nil},
		"a pair in a comment":        {"a@b.c (ü\\(x)", "a@b.c (=?utf-8?q?=C3=BC=28x?=)", nil},
		"a comment in a name":        {"Mü (x) ler <a@b.c>", "=?utf-8?q?M=C3=BC?= (x) ler <a@b.c>", nil},
		"an encoded word before":     {"=?utf-8?q?J=C3=B6rg?= Müller <a@b.c>", "=?utf-8?q?J=C3=B6rg?= =?utf-8?q?_M=C3=BCller?= <a@b.c>", nil},
		"an encoded word behind":     {"Müller =?utf-8?q?J=C3=B6rg?= <a@b.c>", "=?utf-8?q?M=C3=BCller_?= =?utf-8?q?J=C3=B6rg?= <a@b.c>", nil},
		"a sloppy word":              {"=?utf-8?q?J=C3=B6rg x?= Ö <a@b.c>", "=?utf-8?q?J=C3=B6rg x?= =?utf-8?q?_=C3=96?= <a@b.c>", nil},
		"raw text in a word":         {"=?utf-8?q?Jörg_x?= <a@b.c>", "=?utf-8?q?J=C3=B6rg_x?= <a@b.c>", nil},
		"a word in quotes":           {`"=?utf-8?q?J=C3=B6rg?= Ö" <a@b.c>`, "=?utf-8?q?J=C3=B6rg_=C3=96?= <a@b.c>", nil},
		"a quoted @":                 {`"Jörg @ home" <a@b.c>`, "=?utf-8?q?J=C3=B6rg_=40_home?= <a@b.c>", nil},
		"an address in UTF-8":        {"jörg@bücher.example", "jörg@bücher.example", nil},
		"the same, quoted":           {`"jörg x"@bücher.example, Ö <a@b.c>`, `"jörg x"@bücher.example, =?utf-8?q?=C3=96?= <a@b.c>`, nil},
		"the same, in brackets":      {`Jörg <"jö>rg"@bücher.example>`, `=?utf-8?q?J=C3=B6rg?= <"jö>rg"@bücher.example>`, nil},
		"the same, with a comment":   {"jörg (ü) @bücher.example", "jörg (=?utf-8?q?=C3=BC?=) @bücher.example", nil},
		"an IPv6 literal":            {"Ö <a@b.c>, d@[IPv6:::1], e@f.g", "=?utf-8?q?=C3=96?= <a@b.c>, d@[IPv6:::1], e@f.g", nil},
		"a route":                    {"Ö <@x.y,@z:a@b.c>", "=?utf-8?q?=C3=96?= <@x.y,@z:a@b.c>", nil},
		"keywords":                   {"Straße, x y, Köln", "=?utf-8?q?Stra=C3=9Fe?= , x y, =?utf-8?q?K=C3=B6ln?=", nil},
		"a comma without quotes":     {"Müller, Jörg <a@b.c>", "=?utf-8?q?M=C3=BCller?= , =?utf-8?q?J=C3=B6rg?= <a@b.c>", nil},
		"behind the address":         {"<a@b.c> Jörg", "<a@b.c> =?utf-8?q?J=C3=B6rg?=", nil},
		"folded":                     {"Ä\r\n <a@b.c>,\n\tÖ <d@e.f>", "=?utf-8?q?=C3=84?= <a@b.c>,\t=?utf-8?q?=C3=96?= <d@e.f>", nil},
		"no end of the quotes":       {`"Jörg <a@b.c>`, "=?utf-8?q?J=C3=B6rg_=3Ca=40b=2Ec=3E?=", nil},
		"no end, and a quoted quote": {`"Jörg\"`, "=?utf-8?q?J=C3=B6rg=22?=", nil},
		"no end of the comment":      {"a@b.c (Jörg", "a@b.c (=?utf-8?q?J=C3=B6rg?=", nil},
		"no end of the brackets":     {"Ö <jörg", "=?utf-8?q?=C3=96?= <jörg", nil},
		"stray brackets":             {"Ö ) > ] a <b@c.d>", "=?utf-8?q?=C3=96?= ) > ] a <b@c.d>", nil},
		"Latin-1":                    {"J\xf6rg <a@b.c>, Ö <d@e.f>", "J\xf6rg <a@b.c>, Ö <d@e.f>", message.ErrNotText},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got, err := message.EncodeAddresses(c.value)
			require.ErrorIs(t, err, c.err)
			assert.Equal(t, c.want, got)
			again, _ := message.EncodeAddresses(got)
			assert.Equal(t, got, again, "nothing is encoded twice")
		})
	}
}

// A list of addresses that can be parsed has the same names and addresses afterwards.
func FuzzEncodeAddresses(f *testing.F) {
	for _, value := range encodable {
		f.Add(value)
		f.Add(value + " <a@example.org>, \"Müller, J\" <b@example.org> (ö), Ö: c@example.org;")
	}
	f.Fuzz(func(t *testing.T, value string) {
		got, err := message.EncodeAddresses(value)
		assert.Equal(t, utf8.ValidString(message.Unfold(value)), err == nil)
		before, err := mail.ParseAddressList(message.Unfold(value))
		if err != nil {
			return
		}
		after, err := mail.ParseAddressList(message.Unfold(got)) // what is not UTF-8 is as it was
		require.NoError(t, err, "%q", got)
		require.Len(t, after, len(before), "%q", got)
		for i := range before {
			assert.Equal(t, before[i].Address, after[i].Address, "%q", got)
		}
	})
}

func TestFormOf(t *testing.T) {
	t.Parallel()
	for name, want := range map[string]message.Form{
		"Subject": message.FormText, "X-Any": message.FormText, "Comments": message.FormText, "": message.FormText, "Resent-": message.FormText,
		"From": message.FormPhrases, "reply-to": message.FormPhrases, "Resent-CC": message.FormPhrases, "List-ID": message.FormPhrases,
		"Message-Id": message.FormStructured, "resent-date": message.FormStructured, "CONTENT-TYPE": message.FormStructured,
		"Received": message.FormStructured, "DKIM-Signature": message.FormStructured,
	} {
		assert.Equal(t, want, message.FormOf(name), name)
	}
}
