package message_test

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/sluicemail/sluice/framework/message"
)

// fieldOf splits a line of a table into name and value.
func fieldOf(t *testing.T, line string) (name, value string) {
	t.Helper()
	name, value, ok := strings.Cut(line, ":")
	require.True(t, ok, line)
	return name, value
}

// TestAppendixA judges the fields of the examples in RFC 5322 appendix A.
func TestAppendixA(t *testing.T) {
	t.Parallel()
	for section, lines := range map[string][]string{
		"A.1.1": {
			"From: John Doe <jdoe@machine.example>",
			"Sender: Michael Jones <mjones@machine.example>",
			"To: Mary Smith <mary@example.net>",
			"Subject: Saying Hello",
			"Date: Fri, 21 Nov 1997 09:55:06 -0600",
			"Message-ID: <1234@local.machine.example>",
		},
		"A.1.2": {
			`From: "Joe Q. Public" <john.q.public@example.com>`,
			"To: Mary Smith <mary@x.test>, jdoe@example.org, Who? <one@y.test>",
			`Cc: <boss@nil.test>, "Giant; \"Big\" Box" <sysservices@example.net>`,
			"Date: Tue, 1 Jul 2003 10:52:37 +0200",
			"Message-ID: <5678.21-Nov-1997@example.com>",
		},
		"A.1.3": {
			"From: Pete <pete@silly.example>",
			"To: A Group:Ed Jones <c@a.test>,joe@where.test,John <jdoe@one.test>;",
			"Cc: Undisclosed recipients:;",
			"Date: Thu, 13 Feb 1969 23:32:54 -0330",
			"Message-ID: <testabcd.1234@silly.example>",
		},
		"A.2": {
			`Reply-To: "Mary Smith: Personal Account" <smith@home.example>`,
			"In-Reply-To: <1234@local.machine.example>",
			"References: <1234@local.machine.example> <3456@example.net>",
			"Date: Fri, 21 Nov 1997 11:00:00 -0600",
		},
		"A.3": {
			"Resent-From: Mary Smith <mary@example.net>",
			"Resent-To: Jane Brown <j-brown@other.example>",
			"Resent-Date: Mon, 24 Nov 1997 14:22:01 -0800",
			"Resent-Message-ID: <78910@example.net>",
		},
		"A.4": {
			"Received: from x.y.test\r\n  by example.net\r\n  via TCP\r\n  with ESMTP\r\n  id ABC12345\r\n  for <mary@example.net>;  21 Nov 1997 10:05:43 -0600",
			"Date: Fri, 21 Nov 1997 09:55:06 -0600",
		},
		"A.5": {
			"From: Pete(A nice \\) chap) <pete(his account)@silly.test(his host)>",
			"To:A Group(Some people)\r\n     :Chris Jones <c@(Chris's host.)public.example>,\r\n         joe@example.org,\r\n  John <jdoe@one.test> (my dear friend); (the end of the group)",
			"Cc:(Empty list)(start)Hidden recipients  :(nobody(that I know))  ;",
			"Date: Thu,\r\n      13\r\n        Feb\r\n          1969\r\n      23:32\r\n               -0330 (Newfoundland Time)",
			"Message-ID:              <testabcd.1234@silly.test>",
		},
		"A.6.1": {
			"From: Joe Q. Public <john.q.public@example.com>",
			"To: Mary Smith <@node1.test:mary@example.net>, , jdoe@test  . example",
			"Date: Tue, 1 Jul 2003 10:52:37 +0200",
			"Message-ID: <5678.21-Nov-1997@example.com>",
		},
		"A.6.2": {
			"From: John Doe <jdoe@machine.example>",
			"To: Mary Smith <mary@example.net>",
			"Date: 21 Nov 97 09:55:06 GMT",
			"Message-ID: <1234@local.machine.example>",
		},
		"A.6.3": {
			"From  : John Doe <jdoe@machine(comment).  example>",
			"To    : Mary Smith\r\n  \r\n          <mary@example.net>",
			"Subject     : Saying Hello",
			"Date  : Fri, 21 Nov 1997 09(comment):   55  :  06 -0600",
			"Message-ID  : <1234   @   local(blah)  .machine .example>",
		},
	} {
		t.Run(section, func(t *testing.T) {
			t.Parallel()
			for _, line := range lines {
				name, value := fieldOf(t, line)
				require.NoError(t, message.CheckField(name, value), line)
				require.NoError(t, message.CheckField(strings.ToUpper(name), strings.ReplaceAll(value, "\r\n", "\n")), line)
			}
		})
	}
}

// TestObsoleteForms judges forms that RFC 5322 section 4 says must be accepted, and
// others that are in its section 3 but rare.
func TestObsoleteForms(t *testing.T) {
	t.Parallel()
	for _, line := range []string{
		"Date: Thu,29 Apr 2012 10:00:00 +0000",
		"Date:Thu, 29 Apr 2012 10:00:00 +0000",
		"Date: 29 Apr 2012 10:00 +0000",
		"Date: 1 Jan 2017 23:59:60 +0000",
		"Date: Sun, 01 Jan 2017 08:59:60 +0900",
		"Date: 29 Apr 2012 10:00:00 Z",
		"Date: 29 Apr 2012 10:00:00 z",
		"Date: 29 Apr 2012 10:00:00Z",
		"Date: 29 Apr 2012 10:00:00 UT",
		"Date: 29 Apr 2012 10:00:00 EST",
		"Date: 29 Apr 2012 10:00:00 CEST",
		"Date: 29 Apr 12 10:00:00 PDT",
		"Date: 29 Apr 112 10:00:00 PDT",
		"Date: 29Apr2012 10:00:00 +0000",
		"Date: thu, 29 APR 2012 10:00:00 +0000",
		"Date: (a) Thu (b) , (c) 29 (d) Apr (e) 2012 (f) 10 (g) : (h) 00 (i) : (j) 00 (k) +0000 (l)",
		"Date: Fri, 29 Apr 2012 10:00:00 +0000", // it was a Sunday
		"Date: Wed, 29 Feb 2012 10:00:00 -0000",
		"Date: 1 Jan 10000 00:00:00 +0000",
		"Date: 24 Feb 2012 10:00:00\r\n\t+0000 (a (b))\r\n (c)",
		"From: a@b.example, c@d.example",
		"From: a@b.example,",
		"From: (c) a@b.example (c)",
		"From: Änn <änn@exämple.org>",
		"From: ann@[IPv6:2001:db8::1]",
		"Sender: <@a.example,@b.example:ann@example.org>",
		"Reply-To: Team: a@b.example;, c@d.example",
		"Bcc:", "Bcc: ", "Bcc: (none)", "Bcc: , ,", "Bcc:,a@b.example", "Resent-Bcc:",
		"Message-ID: <a@b> (c)",
		"Message-ID: (c) <a@b>",
		"Message-ID: <a.b@[192.0.2.1]>",
		`Message-ID: <"a b"@c>`,
		"Message-ID: <ä@b>",
		"In-Reply-To:", "References: ",
		"In-Reply-To: Your message <a@b>",
		`In-Reply-To: Ann's message of "Thu, 29 Apr 2012 10:00:00." <a@b>`,
		"References: <a@b><c@d>\r\n\t(c)<e@f> and so on.",
		"Return-Path: <>", "Return-Path: (c) < (c) > (c)", "Return-Path: <a@b>", "Return-Path: <@c:a@b>",
		"Subject:", "Subject: a\r\n \r\n b", "X: \xe4, (<@:",
	} {
		name, value := fieldOf(t, line)
		assert.NoError(t, message.CheckField(name, value), line)
	}
}

func TestMalformedFields(t *testing.T) {
	t.Parallel()
	for line, want := range map[string]string{
		"Date:":                                "byte 0: expected a day of the month",
		"Date: ":                               "byte 1: expected a day of the month",
		"Date: yesterday":                      "byte 1: expected the name of a day, such as Mon",
		"Date: Thu 29 Apr 2012 10:00:00 +0000": "byte 5: expected a comma after the name of the day",
		"Date: Thursday, 29 Apr 2012 10:00:00 +0000":     "byte 1: expected the name of a day",
		"Date: 2012-04-29T10:00:00Z":                     "byte 3: expected the name of a month",
		"Date: 29 April 2012 10:00:00 +0000":             "byte 4: expected the name of a month, such as Jan",
		"Date: 30 Feb 2012 10:00:00 +0000":               "byte 1: expected a day that the month has",
		"Date: 29 Feb 2011 10:00:00 +0000":               "byte 1: expected a day that the month has",
		"Date: 0 Apr 2012 10:00:00 +0000":                "byte 1: expected a day that the month has",
		"Date: 29 Apr 2 10:00:00 +0000":                  "byte 8: expected a year",
		"Date: 29 Apr 1899 10:00:00 +0000":               "byte 8: expected a year from 1900 on",
		"Date: 29 Apr 2012 24:00:00 +0000":               "byte 13: expected an hour from 00 to 23",
		"Date: 29 Apr 2012 9:00:00 +0000":                "byte 13: expected an hour from 00 to 23",
		"Date: 29 Apr 2012 09.00.00 +0000":               "byte 15: expected a colon after the hour",
		"Date: 29 Apr 2012 09:60:00 +0000":               "byte 16: expected a minute from 00 to 59",
		"Date: 29 Apr 2012 09:00:61 +0000":               "byte 19: expected a second from 00 to 60",
		"Date: 29 Apr 2012 09:00:00":                     "byte 21: expected a zone such as +0000",
		"Date: 29 Apr 2012 09:00:00+0000":                "byte 21: expected a zone such as +0000, with a space before it",
		"Date: 29 Apr 2012 09:00:00 +00":                 "byte 25: expected a zone such as +0000",
		"Date: 29 Apr 2012 09:00:00 +00000":              "byte 22: expected a zone such as +0000",
		"Date: 29 Apr 2012 09:00:00 +0060":               "byte 25: expected a zone such as +0000",
		"Date: 29 Apr 2012 09:00:00 J":                   "byte 22: expected a zone such as +0000",
		"Date: 29 Apr 2012 09:00:00 GMT+1":               "byte 25: expected the end of the value, or white space or a comment",
		"Date: 29 Apr 2012 09:00:00 +0000 (c":            "byte 28: expected a comment that ends",
		"Resent-Date: never":                             "byte 1: expected the name of a day",
		"From:":                                          "byte 0: expected an address",
		"From: <>":                                       "byte 2: expected a local part",
		"From: Group: a@b.c;":                            "byte 6: expected an address (a group is not allowed here)",
		"From: a@b.c, Group: d@e.f;":                     "byte 13: expected an address (a group is not allowed here)",
		"From: Group:;":                                  "byte 6: expected an address (a group is not allowed here)",
		"From: Smith, Ann <a@b.c>":                       "byte 6: expected an @ or a <",
		"From: a@b.c <a@b.c>":                            "byte 7: expected the end of the value",
		"From: a@b@c":                                    "byte 4: expected",
		"From: ann":                                      "byte 4: expected an @ or a <",
		"From: ann..x@b":                                 "byte 5: expected a word before the dot",
		"From: ann.@b":                                   "byte 5: expected a word after the dot",
		"From: a@b.":                                     "byte 5: expected a label of the domain after the dot",
		"From: \xe4 <a@b>":                               "byte 1: expected text in UTF-8",
		"From: a@[b":                                     "byte 3: expected a domain literal that ends",
		"From: a@[b[]":                                   "byte 5: expected a ] before another [",
		"From: <@c a@b>":                                 "byte 5: expected a comma or a colon after a domain of the route",
		`From: "a`:                                       "byte 1: expected a quoted string that ends",
		`From: "a\`:                                      "byte 4: expected a character after the backslash",
		"From: \"a\\\r\n \" <b@c>":                       "byte 4: expected a character after the backslash",
		"Sender: a@b.c, d@e.f":                           "byte 6: expected the end of the value",
		"Sender: Group: a@b.c;":                          "byte 6: expected an address (a group is not allowed here)",
		"Resent-Sender:":                                 "byte 0: expected an address",
		"To:":                                            "byte 0: expected an address",
		"To: ,":                                          "byte 2: expected an address",
		"To: a@b, Group: c@d":                            "byte 16: expected a comma, or a semicolon that ends the group",
		"To: Group: Sub: c@d;;":                          "byte 11: expected an address (a group is not allowed here)",
		"To: a@b; c@d":                                   "byte 4: expected the end of the value",
		"Resent-Bcc: x":                                  "byte 2: expected an @ or a <",
		"Message-ID: a@b":                                "byte 1: expected a message identifier such as <id@example.org>",
		"Message-ID: <a>":                                "byte 3: expected an @ in the message identifier",
		"Message-ID: <@b>":                               "byte 2: expected the left side of a message identifier",
		"Message-ID: <a@b> <c@d>":                        "byte 7: expected the end of the value",
		"Message-ID: <a@b@c>":                            "byte 5: expected a > that ends the message identifier",
		"Message-ID: <a b@c>":                            "byte 4: expected a dot or an @",
		"References: <a@b>, <c@d>":                       "byte 6: expected a message identifier",
		"References: <a@b> . <c@d>":                      "byte 7: expected a word",
		"In-Reply-To: Your message of Thu, 29 Apr <a@b>": "byte 20: expected a message identifier",
		"References: <a@b> <c>":                          "byte 9: expected an @ in the message identifier",
		"Return-Path: a@b":                               "byte 1: expected an address in angle brackets",
		"Subject: a\rb":                                  "byte 2: expected LF after CR",
		"Subject: a\nb":                                  "byte 2: expected a space or a tab after a line break",
		"X: a\r\n":                                       "byte 2: expected a space or a tab after a line break",
		"X: a\x00":                                       "byte 2: expected no NUL",
		"To: a@b\x00":                                    "byte 4: expected no NUL",
		"To: a@b (\n)":                                   "byte 6: expected a space or a tab after a line break",
	} {
		t.Run(line, func(t *testing.T) {
			t.Parallel()
			name, value := fieldOf(t, line)
			err := message.CheckField(name, value)
			var syntax *message.SyntaxError
			require.ErrorAs(t, err, &syntax)
			assert.True(t, strings.HasPrefix(err.Error(), want), "%s, not %s", err, want)
		})
	}
}

// FuzzCheckField proves that comments and folds beside the value change nothing, and that
// every place is in the value.
func FuzzCheckField(f *testing.F) {
	for _, line := range []string{
		"Date: Thu, 29 Apr 2012 10:00:00 +0000", "From: Ann <a@b>", "Sender: a@b", "To: T:a@b;", "Bcc:,", "Message-ID: <a@b>",
		"References: x <a@b>", "Return-Path: <>", "X: a\r\n b",
	} {
		name, value, _ := strings.Cut(line, ":")
		f.Add(name, value)
	}
	f.Fuzz(func(t *testing.T, name, value string) {
		err := message.CheckField(name, value)
		if err == nil {
			require.NoError(t, message.CheckField(name, "\r\n "+value))
			require.NoError(t, message.CheckField(name, "(a (b))"+value+" (c)"))
			return
		}
		var syntax *message.SyntaxError
		require.ErrorAs(t, err, &syntax)
		assert.GreaterOrEqual(t, syntax.Offset, 0)
		assert.LessOrEqual(t, syntax.Offset, len(value))
		assert.NotEmpty(t, syntax.Expected)
	})
}
