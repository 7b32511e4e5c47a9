package parts_test

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"

	"github.com/sluicemail/sluice/framework/message/parts"
)

const mixed = "MIME-Version: 1.0\nContent-Type: multipart/mixed; boundary=b\n\n"

// structureTest is a message, and the outline of its parts.
type structureTest struct {
	message, want string
}

func nest(depth int, kind string) string {
	if depth == 0 {
		return "\ntext\n"
	}
	return "Content-Type: " + kind + "\n\n" + nest(depth-1, kind)
}

// bounced returns a message with another one in it, whose text is given.
func bounced(text string) string {
	return mixed + "--b\nContent-Type: message/rfc822\n\n" + text + "\n--b--\n"
}

// cutOutline returns the outline of a bounced message with an outline of the one in it.
func cutOutline(inner string) string {
	return " multipart/mixed\n1 message/rfc822\n1.1 " + inner + "\n"
}

// clashing returns a message with two multiparts, of which the inner one is closed by the
// given text.
func clashing(outer, inner, end string) string {
	return "MIME-Version: 1.0\nContent-Type: multipart/mixed; boundary=\"" + outer + "\"\n\n--" + outer +
		"\nContent-Type: multipart/alternative; boundary=\"" + inner + "\"\n\n--" + inner + "\n\none\n" + end +
		"--" + outer + "\nContent-Type: image/png; name=a.png\n\nx\n--" + outer + "--\n"
}

func structureTests() map[string]structureTest {
	return map[string]structureTest{
		"plain text":   {"Subject: x\n\nhello\n", " text/plain\n"},
		"no body":      {"Content-Type: text/html; charset=utf-8\nMIME-Version: 1.0\n\n", " text/html\n"},
		"no version":   {"Content-Type: text/html\n\nx\n", " text/html [no version]\n"},
		"without MIME": {"\n--b\nContent-Type: text/html\n\nx\n--b--\n", " text/plain\n"},
		"two parts": {
			mixed + "preamble\n--b\n\none\n--b\nContent-Type: image/png; name=a.png\nContent-Transfer-Encoding: base64\n\nAAAA\n--b--\nepilogue\n",
			" multipart/mixed\n1 text/plain\n2 image/png \"a.png\"\n",
		},
		"nested": {
			mixed + "--b\nContent-Type: multipart/alternative; boundary=\"c d\"\n\n--c d\n\none\n--c d\nContent-Type: text/html\n\ntwo\n--c d--\n\n--b\nContent-Disposition: attachment; filename=a.exe\n\nMZ\n--b--\n",
			" multipart/mixed\n1 multipart/alternative\n1.1 text/plain\n1.2 text/html\n2 text/plain attachment \"a.exe\"\n",
		},
		"message": {
			mixed + "--b\nContent-Type: message/rfc822; name=mail.eml\n\nSubject: inner\nContent-Type: multipart/mixed; boundary=c\n\n--c\nContent-Type: application/x; name=a.exe\n\nMZ\n--c--\n--b--\n",
			" multipart/mixed\n1 message/rfc822 \"mail.eml\"\n1.1 multipart/mixed\n1.1.1 application/x \"a.exe\"\n",
		},
		"mailbox line": {
			mixed + "--b\nContent-Type: message/rfc822\n\nFrom a@b Mon Jan 1\nContent-Type: text/html\n\nx\n--b--\n",
			" multipart/mixed\n1 message/rfc822\n1.1 text/html\n",
		},
		"the message is a message": {
			"MIME-Version: 1.0\nContent-Type: message/rfc822\n\nContent-Type: image/png; name=a.png\n\nx\n",
			" message/rfc822\n1 image/png \"a.png\"\n",
		},
		"digest": {
			"MIME-Version: 1.0\nContent-Type: multipart/digest; boundary=b\n\n--b\n\nSubject: one\n\ntext\n--b\nContent-Type: text/plain\n\ntoc\n--b--\n",
			" multipart/digest\n1 message/rfc822\n1.1 text/plain\n2 text/plain\n",
		},
		"report": {
			"MIME-Version: 1.0\nContent-Type: multipart/report; report-type=delivery-status; boundary=b\n\n--b\n\nsorry\n--b\nContent-Type: message/delivery-status\n\nReporting-MTA: x\n--b\nContent-Type: text/rfc822-headers\n\nSubject: x\n--b--\n",
			" multipart/report\n1 text/plain\n2 message/delivery-status\n3 text/rfc822-headers\n",
		},
		"white space behind delimiters": {mixed + "--b \t\n\none\n--b-- \nx\n", " multipart/mixed\n1 text/plain\n"},
		"no closing delimiter":          {mixed + "--b\n\none\n", " multipart/mixed [unclosed]\n1 text/plain\n"},
		"no line end at the end":        {mixed + "--b\n\none\n--b--", " multipart/mixed\n1 text/plain\n"},
		"delimiter at the end":          {mixed + "--b\n\none\n--b", " multipart/mixed [unclosed]\n1 text/plain\n2 text/plain [no blank line]\n"},
		"inner one not closed": {
			mixed + "--b\nContent-Type: multipart/mixed; boundary=c\n\n--c\n\none\n--b\n\ntwo\n--b--\n",
			" multipart/mixed\n1 multipart/mixed [unclosed]\n1.1 text/plain\n2 text/plain\n",
		},
		"empty parts":         {mixed + "--b\n--b\n\n--b\n\n\n--b--\n", " multipart/mixed\n1 text/plain [no blank line]\n2 text/plain\n3 text/plain\n"},
		"header to the end":   {mixed + "--b\nContent-Disposition: attachment; filename=a.exe", " multipart/mixed [unclosed]\n1 text/plain attachment \"a.exe\" [no blank line]\n"},
		"header to delimiter": {mixed + "--b\nContent-Type: image/png; name=a.png\n--b--\n", " multipart/mixed\n1 image/png \"a.png\" [no blank line]\n"},
		"message to delimiter": {
			mixed + "--b\nContent-Type: message/rfc822\n--b--\n",
			" multipart/mixed\n1 message/rfc822 [no blank line]\n1.1 text/plain [no blank line]\n",
		},
		"multipart to delimiter": {
			mixed + "--b\nContent-Type: multipart/mixed; boundary=c\n--b--\n",
			" multipart/mixed\n1 multipart/mixed [no blank line, unclosed]\n",
		},
		"text in place of a header":        {mixed + "--b\nhello you\n--b--\n", " multipart/mixed\n1 text/plain [broken header, no blank line]\n"},
		"lines in place of a header":       {mixed + "--b\nhello\nyou\n--b--\n", " multipart/mixed\n1 text/plain [broken header, no blank line]\n"},
		"cut in the name of a field":       {bounced("Subject: x\nX-Lo"), cutOutline("text/plain [no blank line]")},
		"cut in the first name":            {bounced("Subj"), cutOutline("text/plain [no blank line]")},
		"cut behind a name":                {bounced("Subject: x\nX-Long-Name "), cutOutline("text/plain [no blank line]")},
		"cut in a mailbox line":            {bounced("From a@b"), cutOutline("text/plain [no blank line]")},
		"cut in a fold":                    {bounced("Subject: x\n \t"), cutOutline("text/plain [no blank line]")},
		"cut in a line end":                {bounced("Subject: x\r"), cutOutline("text/plain [no blank line]")},
		"cut in a type":                    {bounced("Content-Type: multi"), cutOutline("text/plain [bad type, no blank line]")},
		"cut before a boundary":            {bounced("Content-Type: multipart/mixed;"), cutOutline("multipart/mixed [no blank line]")},
		"cut in the name of a boundary":    {bounced("Content-Type: multipart/mixed;\n bound"), cutOutline("multipart/mixed [no blank line]")},
		"cut in a boundary":                {bounced("Content-Type: multipart/mixed; boundary=\"----=_Nex"), cutOutline("multipart/mixed [no blank line, unclosed]")},
		"cut in a boundary like the outer": {bounced("Content-Type: multipart/mixed; boundary=\"b"), cutOutline("multipart/mixed [no blank line, unclosed]")},
		"cut in an encoding":               {bounced("Content-Type: multipart/mixed; boundary=c\nContent-Transfer-Encoding: quoted-printable"), cutOutline("multipart/mixed [no blank line, unclosed]")},
		"cut in the last part":             {strings.TrimSuffix(bounced("Content-Type: multipart/mixed;\nX-Lo"), "\n--b--\n"), strings.Replace(cutOutline("multipart/mixed [no blank line]"), "mixed\n", "mixed [unclosed]\n", 1)},
		"cut, but broken before":           {bounced("junk here\nX-Lo"), cutOutline("text/plain [broken header, no blank line]")},
		"not cut, no field":                {bounced("Subject: x\nX-Lo\n\ntext"), cutOutline("text/plain [broken header]")},
		"not cut, no boundary":             {bounced("Content-Type: multipart/mixed;\n\ntext"), cutOutline("multipart/mixed [no boundary]")},
		"mailbox line below Return-Path":   {bounced("Return-Path: <a@b>\nFrom a@b Mon Jan 1\nContent-Type: text/html\n\nx"), cutOutline("text/html")},
		"mailbox line below others":        {bounced("Subject: x\nFrom a@b Mon Jan 1\nContent-Type: text/html\n\nx"), cutOutline("text/html [broken header]")},
		"no boundary":                      {"MIME-Version: 1.0\nContent-Type: multipart/mixed\n\n--b\n\nx\n--b--\n", " multipart/mixed [no boundary]\n"},
		"empty boundary":                   {"MIME-Version: 1.0\nContent-Type: multipart/mixed; boundary=\"\"\n\n--\n\nx\n----\n", " multipart/mixed [no boundary]\n"},
		"two boundaries": {
			"MIME-Version: 1.0\nContent-Type: multipart/mixed; boundary=b; boundary=c\n\n--b\n\nx\n--b--\n",
			" multipart/mixed [ambiguous boundary]\n1 text/plain\n",
		},
		"the same boundary twice": {"MIME-Version: 1.0\nContent-Type: multipart/mixed; boundary=b; boundary=\"b\"\n\n--b\n\nx\n--b--\n", " multipart/mixed\n1 text/plain\n"},
		"space at the boundary's end": {
			"MIME-Version: 1.0\nContent-Type: multipart/mixed; boundary=\"b \"\n\n--b \n\nx\n--b --\n",
			" multipart/mixed [ambiguous boundary, loose delimiter, unclosed]\n1 text/plain\n",
		},
		"boundary with spaces, no quotes": {
			"MIME-Version: 1.0\nContent-Type: multipart/mixed; boundary=b c\n\n--b c\n\nx\n--b c--\n",
			" multipart/mixed [ambiguous boundary]\n1 text/plain\n",
		},
		"boundary with signs, no quotes": {
			"MIME-Version: 1.0\nContent-Type: multipart/mixed; boundary=----=_b:/?c\n\n------=_b:/?c\n\nx\n------=_b:/?c--\n",
			" multipart/mixed\n1 text/plain\n",
		},
		"boundary by RFC 2231": {
			"MIME-Version: 1.0\nContent-Type: multipart/mixed; boundary*0=b; boundary*1=c\n\n--bc\n\nx\n--bc--\n",
			" multipart/mixed [ambiguous boundary]\n1 text/plain\n",
		},
		"boundary with a backslash": {
			"MIME-Version: 1.0\nContent-Type: multipart/mixed; boundary=\"b\\c\"\n\n--bc\n\nx\n--bc--\n",
			" multipart/mixed [ambiguous boundary]\n1 text/plain\n",
		},
		"other boundary": {mixed + "--c\nContent-Type: image/png; name=a.png\n\nx\n--c--\n", " multipart/mixed [no parts, unclosed]\n"},
		"only a header":  {mixed, " multipart/mixed [unclosed]\n"},
		"only a preamble": {
			mixed + "This is a multi-part message in MIME format.\n", " multipart/mixed [unclosed]\n",
		},
		"the same boundary inside": {
			mixed + "--b\nContent-Type: multipart/mixed; boundary=b\n\n--b\nContent-Type: x/y; name=a.exe\n\nx\n--b--\n--b--\n",
			" multipart/mixed [unclosed]\n1 multipart/mixed [boundary clash]\n1.1 x/y \"a.exe\"\n",
		},
		"a boundary begins the inner": {
			clashing("=_b1", "=_b1_alt", "--=_b1_alt--\n\n \t\n"),
			" multipart/mixed\n1 multipart/alternative\n1.1 text/plain\n2 image/png \"a.png\"\n",
		},
		"a boundary begins the outer": {
			clashing("=_b1_mix", "=_b1", "--=_b1--\n\n"),
			" multipart/mixed\n1 multipart/alternative\n1.1 text/plain\n2 image/png \"a.png\"\n",
		},
		"text behind the longer one": {
			clashing("=_b1", "=_b1_alt", "--=_b1_alt--\n\nContent-Type: x/y; name=a.exe\n\nMZ\n"),
			" multipart/mixed\n1 multipart/alternative [boundary clash]\n1.1 text/plain\n2 image/png \"a.png\"\n",
		},
		"text behind the shorter one": {
			clashing("=_b1_mix", "=_b1", "--=_b1--\nContent-Type: x/y; name=a.exe\n\nMZ\n"),
			" multipart/mixed\n1 multipart/alternative\n1.1 text/plain\n2 image/png \"a.png\"\n",
		},
		"text behind the longer, which is outer": {
			clashing("=_b1_mix", "=_b1", "--=_b1--\n") + "Content-Type: x/y; name=a.exe\n\nMZ\n",
			" multipart/mixed [boundary clash]\n1 multipart/alternative\n1.1 text/plain\n2 image/png \"a.png\"\n",
		},
		"text behind the shorter, which is outer": {
			clashing("=_b1", "=_b1_alt", "--=_b1_alt--\n") + "Content-Type: x/y; name=a.exe\n\nMZ\n",
			" multipart/mixed\n1 multipart/alternative\n1.1 text/plain\n2 image/png \"a.png\"\n",
		},
		"the longer one not closed": {
			clashing("=_b1", "=_b1_alt", ""),
			" multipart/mixed\n1 multipart/alternative [unclosed]\n1.1 text/plain\n2 image/png \"a.png\"\n",
		},
		"neither of the two": {
			clashing("=_b1", "=_b1_alt", "--=_b1_other\nContent-Type: x/y; name=a.exe\n\nMZ\n--=_b1_alt--\n"),
			" multipart/mixed [loose delimiter]\n1 multipart/alternative\n1.1 text/plain\n2 image/png \"a.png\"\n",
		},
		"a boundary begins that of a digest": {
			strings.Replace(clashing("=_b1", "=_b1_alt", "--=_b1_alt--\n"), "alternative", "digest", 1),
			" multipart/mixed\n1 multipart/digest [boundary clash]\n1.1 message/rfc822\n1.1.1 text/plain [no blank line]\n2 image/png \"a.png\"\n",
		},
		"a boundary begins that in a digest": {
			strings.Replace(clashing("=_b1", "=_b1_alt", "--=_b1_alt--\n"), "mixed", "digest", 1),
			" multipart/digest\n1 multipart/alternative [boundary clash]\n1.1 text/plain\n2 image/png \"a.png\"\n",
		},
		"a closing delimiter is a boundary": {
			mixed + "--b\nContent-Type: multipart/mixed; boundary=b--\n\n--b--\n\nx\n--b----\n--b--\n",
			" multipart/mixed [unclosed]\n1 multipart/mixed [boundary clash, parts after the end]\n1.1 text/plain\n1.2 text/plain [no blank line]\n",
		},
		"text behind a delimiter":        {mixed + "--b\n\none\n--b two\n\nx\n--b--\n", " multipart/mixed [loose delimiter]\n1 text/plain\n"},
		"longer than the boundary":       {mixed + "--b\n\none\n--bc\n\nx\n--b--\n", " multipart/mixed [loose delimiter]\n1 text/plain\n"},
		"delimiter of white space":       {mixed + "--b\n\none\n--b" + strings.Repeat(" ", 2000) + "\n\nx\n--b--\n", " multipart/mixed [loose delimiter]\n1 text/plain\n"},
		"indented delimiter":             {mixed + "--b\n\none\n --b\n\nx\n--b--\n", " multipart/mixed\n1 text/plain\n"},
		"delimiter behind CR":            {mixed + "--b\n\none\r--b\r\nx\n--b--\n", " multipart/mixed [loose delimiter]\n1 text/plain\n"},
		"delimiter behind two CR":        {mixed + "--b\n\none\r\r--b--\rx\n--b--\n", " multipart/mixed [loose delimiter]\n1 text/plain\n"},
		"CR elsewhere":                   {mixed + "--b\n\none\rtwo\r-\r--c\r\n--b--\n", " multipart/mixed\n1 text/plain\n"},
		"delimiter before CR CR LF":      {mixed + "--b\n\none\n--b--\r\r\n", " multipart/mixed\n1 text/plain\n"},
		"NUL in a delimiter":             {mixed + "--b\n\none\n--b\x00\n\nx\n--b--\n", " multipart/mixed [loose delimiter]\n1 text/plain\n"},
		"NULs in content":                {mixed + "--b\n\n\x00\x00\n--b--\n", " multipart/mixed\n1 text/plain\n"},
		"part behind the end":            {mixed + "--b\n\none\n--b--\n--b\nContent-Type: x/y; name=a.exe\n\nMZ\n--b--\n", " multipart/mixed [parts after the end]\n1 text/plain\n2 x/y \"a.exe\"\n"},
		"part in the preamble":           {mixed + "Content-Type: x/y; name=a.exe\n\nMZ\n--b\n\none\n--b--\n", " multipart/mixed\n1 text/plain\n"},
		"multipart in base64":            {"Content-Transfer-Encoding: base64\n" + mixed + "LS1iCgpvbmUKLS1iLS0K\n", " multipart/mixed [encoded structure, unclosed]\n"},
		"multipart in quoted-printable":  {"Content-Transfer-Encoding: Quoted-Printable\n" + mixed + "--b\n\none\n--b--\n", " multipart/mixed [encoded structure]\n1 text/plain\n"},
		"message in base64":              {mixed + "--b\nContent-Type: message/rfc822\nContent-Transfer-Encoding: base64\n\nU3ViamVjdDogeAoKeAo=\n--b--\n", " multipart/mixed\n1 message/rfc822 [encoded structure]\n"},
		"message elsewhere":              {mixed + "--b\nContent-Type: message/external-body; access-type=URL\n\nContent-Type: x/y; name=a.exe\n\n--b--\n", " multipart/mixed\n1 message/external-body [external]\n1.1 x/y \"a.exe\"\n"},
		"second type divides":            {"MIME-Version: 1.0\nContent-Type: text/plain\nContent-Type: multipart/mixed; boundary=b\n\n--b\nContent-Type: x/y; name=a.exe\n\nx\n--b--\n", " multipart/mixed [ambiguous type]\n1 x/y \"a.exe\"\n"},
		"uuencoded":                      {"\nhello\nbegin 644 a.exe\n#0V%T\n`\nend\n", " text/plain \"a.exe\"\n"},
		"uuencoded in base64":            {"\nbegin-base64 0755 a b.exe\nQ2F0\n====\n", " text/plain \"a b.exe\"\n"},
		"uuencoded in the first line":    {mixed + "--b\n\nbegin 644 a.exe\n--b--\n", " multipart/mixed\n1 text/plain \"a.exe\"\n"},
		"uuencoded at the end":           {"\nhello\nbegin 644 a.exe", " text/plain \"a.exe\"\n"},
		"text that begins with begin":    {"\nbegin reading\nbegin 644\nbegin 64 a\nbegin 64444 a\nbeginning 644 a\nbegin 648 a\nbegin644 a\n begin 644 a\nbegin 644a\n", " text/plain\n"},
		"uuencoded in no text":           {"MIME-Version: 1.0\nContent-Type: image/png\n\nbegin 644 a.exe\n", " image/png\n"},
		"delimiter in a message's field": {mixed + "--b\nContent-Type: message/rfc822\n\nSubject: x\n--b--\n", " multipart/mixed\n1 message/rfc822\n1.1 text/plain [no blank line]\n"},
	}
}

// TestStructure tests what parts are told of a message.
func TestStructure(t *testing.T) {
	t.Parallel()
	for name, c := range structureTests() {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			list, flaws := walk(t, parts.Limits{}, c.message)
			assert.Equal(t, c.want, outline(list))
			var all parts.Flaws
			for _, p := range list {
				all |= p.flaws
			}
			assert.Equal(t, all, flaws)
			_, body := divide(c.message)
			checkPlaces(t, body, list)
		})
	}
}

// TestLimits tests what is told of a message that is beyond a limit.
func TestLimits(t *testing.T) {
	t.Parallel()
	long := strings.Repeat("x", 300)
	for name, c := range map[string]struct {
		limits parts.Limits
		structureTest
	}{
		"depth of messages": {parts.Limits{Depth: 2}, structureTest{
			"MIME-Version: 1.0\n" + nest(3, "message/rfc822"),
			" message/rfc822\n1 message/rfc822\n1.1 message/rfc822 [too deep]\n",
		}},
		"depth of multiparts": {parts.Limits{Depth: 1}, structureTest{
			mixed + "--b\nContent-Type: multipart/mixed; boundary=c\n\n--c\n\nx\n--c--\n--b\n\ntwo\n--b--\n",
			" multipart/mixed\n1 multipart/mixed [too deep]\n2 text/plain\n",
		}},
		"the default depth": {parts.Limits{}, structureTest{
			"MIME-Version: 1.0\n" + nest(33, "message/rfc822"),
			" message/rfc822\n" + func() (lines string) {
				for i := range 32 {
					lines += strings.Repeat("1.", i) + "1 message/rfc822"
					if i == 31 {
						lines += " [too deep]"
					}
					lines += "\n"
				}
				return lines
			}(),
		}},
		"parts": {parts.Limits{Parts: 3}, structureTest{
			mixed + "--b\n\none\n--b\n\ntwo\n--b\nContent-Type: x/y; name=a.exe\n\nthree\n--b\nContent-Type: multipart/mixed; boundary=c\n\n--c\n\n--c--\n--b--\n",
			" multipart/mixed [too many parts]\n1 text/plain\n2 text/plain\n",
		}},
		"uuencoded files": {parts.Limits{Parts: 2}, structureTest{
			"\nbegin 644 a\nbegin 644 b\n", " text/plain \"a\" [too many parts]\n",
		}},
		"a message too many": {parts.Limits{Parts: 2}, structureTest{
			mixed + "--b\nContent-Type: message/rfc822\n\nSubject: x\n\nx\n--b--\n",
			" multipart/mixed\n1 message/rfc822 [too many parts]\n",
		}},
		"header": {parts.Limits{Header: 40}, structureTest{
			mixed + "--b\nContent-Type: x/y; name=a.exe\nX: " + long + "\nContent-Type: text/html\n\nx\n--b\n\ntwo\n--b--\n",
			" multipart/mixed\n1 x/y \"a.exe\" [header too long]\n2 text/plain\n",
		}},
		"line of a header": {parts.Limits{Header: 40}, structureTest{
			mixed + "--b\nX: " + strings.Repeat(long, 10) + "\nContent-Type: text/html\n\nx\n--b--\n",
			" multipart/mixed\n1 text/plain [header too long]\n",
		}},
		"header without end": {parts.Limits{Header: 40}, structureTest{
			mixed + "--b\n" + strings.Repeat("X: "+long+"\n", 20) + "--b\n\ntwo\n--b--\n",
			" multipart/mixed\n1 text/plain [header too long, no blank line]\n2 text/plain\n",
		}},
		"boundary": {parts.Limits{}, structureTest{
			"MIME-Version: 1.0\nContent-Type: multipart/mixed; boundary=" + long + "\n\n--" + long + "\n\none\n--" + long + "--\n",
			" multipart/mixed [boundary too long]\n",
		}},
		"the longest boundary": {parts.Limits{}, structureTest{
			"MIME-Version: 1.0\nContent-Type: multipart/mixed; boundary=" + long[:256] + "\n\n--" + long[:256] + "\n\none\n--" + long[:256] + "--\n",
			" multipart/mixed\n1 text/plain\n",
		}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			list, _ := walk(t, c.limits, c.message)
			assert.Equal(t, c.want, outline(list))
			_, body := divide(c.message)
			checkPlaces(t, body, list)
		})
	}
}

// TestFlaws tests the names of the flaws, and which of them are unreadable.
func TestFlaws(t *testing.T) {
	t.Parallel()
	seen := make(map[string]bool)
	for i := range 32 {
		f := parts.Flaws(1 << i)
		if name := f.String(); name != "" {
			assert.False(t, seen[name], name)
			seen[name] = true
			assert.Equal(t, i < 24, f.Unreadable(), name)
		}
	}
	assert.Len(t, seen, 22)
	assert.Equal(t, "too deep, external", (parts.TooDeep | parts.External).String())
	assert.Equal(t, "bad type, no version", (parts.BadType | parts.NoVersion).String())
	assert.Empty(t, parts.Flaws(0).String())
	assert.False(t, (parts.BadType | parts.NoBlankLine | parts.Unclosed | parts.NoVersion).Unreadable())
}
