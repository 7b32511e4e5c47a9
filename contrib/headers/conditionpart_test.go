package headers_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/sluicemail/sluice/contrib/headers"
	"github.com/sluicemail/sluice/framework"
	"github.com/sluicemail/sluice/framework/miltertest"
	"github.com/sluicemail/sluice/framework/miltertest/testproc"
)

const mixed = "MIME-Version: 1.0\nContent-Type: multipart/mixed; boundary=b\n\n"

// part returns the lines of a part of a multipart with the boundary b.
func part(header, content string) string { return "--b\n" + header + "\n\n" + content + "\n" }

// attached returns a message with a text and an attachment.
func attached(header string) string {
	return "From: ann@example.org\n" + mixed + part("Content-Type: text/plain", "hello") + part(header, "TVo=") + "--b--\n"
}

// forwarded returns a message in which another one is attached.
func forwarded(message string) string {
	return "From: bob@example.org\nMIME-Version: 1.0\nContent-Type: multipart/mixed; boundary=outer\n\n" +
		"--outer\nContent-Type: text/plain\n\nsee below\n--outer\nContent-Type: message/rfc822\n\n" + message + "\n--outer--\n"
}

// programTests are messages, and the texts of their refusals, or "".
func programTests() map[string]struct{ message, refusal string } {
	const program, unreadable = "programs are not taken", "the attachments cannot be read"
	return map[string]struct{ message, refusal string }{
		"no MIME":                 {"From: ann@example.org\n\na.exe\n", ""},
		"a picture":               {attached(`Content-Type: image/png; name="a.png"`), ""},
		"name":                    {attached(`Content-Type: application/octet-stream; name="invoice.exe"`), program},
		"filename":                {attached(`Content-Disposition: attachment; filename="invoice.EXE"`), program},
		"the message itself":      {"From: ann@example.org\nMIME-Version: 1.0\nContent-Type: application/octet-stream; name*=utf-8''malicious.exe\n\nbody\n", program},
		"RFC 2231":                {attached("Content-Disposition: attachment; filename*=utf-8''Rechnung%20f%C3%BCr%20Sie%2Eexe"), program},
		"RFC 2231 in pieces":      {attached("Content-Disposition: attachment;\n filename*0*=utf-8''Rechnung;\n filename*1*=%2Ee; filename*2=xe"), program},
		"encoded word":            {attached("Content-Disposition: attachment;\n filename=\"=?iso-8859-1?q?Gr=FC=DFe=2Eexe?=\""), program},
		"encoded word in base64":  {attached("Content-Type: application/octet-stream; name==?utf-8?b?YS5leGU=?="), program},
		"two names":               {attached(`Content-Disposition: attachment; filename="a.txt"; filename="a.exe"`), program},
		"two fields":              {attached("Content-Type: text/plain; name=a.scr\nContent-Disposition: attachment; filename=a.txt"), program},
		"in an attached message":  {forwarded(attached(`Content-Disposition: attachment; filename="invoice.exe"`)), program},
		"two messages deep":       {strings.ReplaceAll(forwarded("X: y\n"+strings.ReplaceAll(forwarded(attached("Content-Disposition: attachment; filename*=''a%2Ejs")), "outer", "inner")), "=outer", "=outer"), program},
		"uuencoded":               {"From: ann@example.org\n\nhello\nbegin 644 a.exe\n#0V%T\n`\nend\n", program},
		"behind the end":          {"From: ann@example.org\n" + mixed + part("", "x") + "--b--\n" + part("Content-Disposition: attachment; filename=a.exe", "MZ") + "--b--\n", program},
		"no boundary":             {"From: ann@example.org\nMIME-Version: 1.0\nContent-Type: multipart/mixed\n\nx\n", unreadable},
		"too deep":                {"From: ann@example.org\nMIME-Version: 1.0\n" + strings.Repeat("Content-Type: message/rfc822\n\n", 40) + "\n\nx\n", unreadable},
		"too many":                {"From: ann@example.org\n" + mixed + strings.Repeat("--b\n\n", 1001), unreadable},
		"a long header":           {"From: ann@example.org\n" + mixed + part(strings.TrimSpace(strings.Repeat("X: "+strings.Repeat("x", 900)+"\n", 80)), "x") + "--b--\n", unreadable},
		"many long names":         {"From: ann@example.org\n" + mixed + strings.Repeat(part("Content-Type: text/x; name="+strings.Repeat("x", 900)+"; filename="+strings.Repeat("y", 900), "x"), 700) + "--b--\n", unreadable},
		"an ordinary bounce":      {"From: <>\nMIME-Version: 1.0\nContent-Type: multipart/report; report-type=delivery-status; boundary=b\n\n" + part("", "sorry") + part("Content-Type: message/delivery-status", "Reporting-MTA: dns; x") + part("Content-Type: message/rfc822", "Subject: x\nContent-Type: multipart/mixed; boundary=c\n\n--c\n\nhel") + "--b--\n", ""},
		"a name in a text":        {attached("Content-Description: a.exe"), ""},
		"a type with a bad value": {attached("Content-Type: text"), ""},
	}
}

// shownPrograms returns the rules against programs that the manual shows.
func shownPrograms(t *testing.T) string {
	t.Helper()
	text, _ := section(t, "CONDITIONS")
	for block := range strings.SplitSeq(text, "```") {
		if strings.Contains(block, "programs are not taken") {
			return block
		}
	}
	require.Fail(t, "the manual shows no such rules")
	return ""
}

// TestPrograms tests the rule that the manual shows.
func TestPrograms(t *testing.T) {
	t.Parallel()
	for name, c := range programTests() {
		for flavor, mta := range flavors() {
			t.Run(name+"/"+flavor, func(t *testing.T) {
				t.Parallel()
				res := miltertest.Run(t, parsed(t, shownPrograms(t)), miltertest.Message(c.message), mta)
				if c.refusal == "" {
					res.AssertUnmodified(t)
					return
				}
				assert.Equal(t, "550 5.7.1 "+c.refusal, res.Reply())
			})
		}
	}
}

// TestPart tests each key of the condition, and that all of them must hold for the same
// part.
func TestPart(t *testing.T) {
	t.Parallel()
	message := "From: a@b.c\n" + mixed +
		part("Content-Type: text/plain; name=a.txt\nContent-Disposition: inline", "hello") +
		part("Content-Type: IMAGE/png; name=b.png\nContent-Disposition: Attachment", strings.Repeat("A", 1000)) + "--b--\n"
	for when, holds := range map[string]bool{
		"name: '^b\\.png$'":              true,
		"name: '^c'":                     false,
		"type: image/png":                true,
		"type: Image/PNG":                true,
		"type: image/*":                  true,
		"type: [video/*, image/gif]":     false,
		"type: [video/*, text/plain]":    true,
		"type: multipart/mixed":          true,
		"type: multipart/*":              true,
		"disposition: ATTACHMENT":        true,
		"disposition: inline":            true,
		"disposition: form-data":         false,
		"over: 999":                      true,
		"over: 2000":                     false,
		"name: txt, type: image/*":       false,
		"name: png, type: image/*":       true,
		"name: png, disposition: inline": false,
		"type: text/*, over: 5":          false,
		"type: text/*, over: 4":          true,
		"type: image/*, over: 1000":      false,
		"type: image/*, disposition: attachment, name: png, over: 900": true,
	} {
		t.Run(when, func(t *testing.T) {
			t.Parallel()
			for form, want := range map[string]bool{"{part: {%s}}": holds, "{not: {part: {%s}}}": !holds} {
				res := miltertest.Run(t, parsed(t, "rules: [{when: "+fmt.Sprintf(form, when)+", do: [reject: it holds]}]"), miltertest.Message(message))
				assert.Equal(t, want, res.Reply() == "550 5.7.1 it holds", form)
			}
		})
	}
}

// Templates see the name that matched.
func TestPartInTemplates(t *testing.T) {
	t.Parallel()
	filter := parsed(t, `rules:
- when: {part: {name: '(?P<stem>.*)\.(exe|png)$'}}
  do:
  - add: {name: X-Attachment, value: '{{ .Match 0 }} {{ .Match 2 }} {{ .Group "stem" }}'}
  - quarantine: '{{ .Match 0 }}'
`)
	res := miltertest.Run(t, filter, miltertest.Message(attached("Content-Type: text/x; name=\"=?utf-8?q?gr=C3=BC=C3=9Fe\r\n =0A.exe?=\"")))
	res.AssertQuarantined(t, "grüße  .exe")
	assert.Equal(t, "grüße  .exe exe grüße", res.Header("X-Attachment"))
	res = miltertest.Run(t, filter, miltertest.Message(plain))
	res.AssertUnmodified(t)
}

// A filter keeps nothing from one message to the next, whether the message was whole,
// without a body, or given up.
func TestPartsOfManyMessages(t *testing.T) {
	t.Parallel()
	conn := miltertest.NewServer(t, parsed(t, shownPrograms(t))).Dial(t)
	for range 3 {
		for _, c := range []struct {
			message string
			refused bool
		}{
			{attached("Content-Type: text/x; name=a.exe"), true},
			{plain, false},
			{"From: a@b.c\nMIME-Version: 1.0\nContent-Type: text/x; name=a.exe\n\n", true},
			{"From: a@b.c\n\n", false},
			{"From: a@b.c\n" + mixed, false},
		} {
			res := conn.Run(t, miltertest.Message(c.message))
			assert.Equal(t, c.refused, res.Reply() == "550 5.7.1 programs are not taken", c.message)
		}
	}
}

// The parts count against the server's memory budget.
func TestPartsInTheMemoryBudget(t *testing.T) {
	t.Parallel()
	message := miltertest.Message("From: a@b.c\n" + mixed + strings.Repeat(part("Content-Type: text/x; name="+strings.Repeat("x", 500), "x"), 300) + "--b--\n")
	for name, c := range map[string]struct {
		budget int64
		want   string
	}{
		"too small": {100_000, "452 4.3.1 the mail filter is short of storage, try again later"},
		"enough":    {1 << 20, ""},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			res := miltertest.Run(t, parsed(t, shownPrograms(t)), message, miltertest.Lane(framework.FailClosed()),
				miltertest.Configure(func(cfg *framework.Config) { cfg.MemoryBudget = c.budget }))
			assert.Equal(t, c.want, res.Reply())
		})
	}
}

// The parts of a header that another filter changed are those of the changed header.
func TestPartsBehindAnotherFilter(t *testing.T) {
	t.Parallel()
	first := parsed(t, "name: first\nrules: [{do: [{replace: {name: Content-Type, value: 'multipart/mixed; boundary=b'}}]}]")
	second := parsed(t, shownPrograms(t))
	r := framework.NewRouter()
	r.Mount(first)
	r.Mount(second)
	message := "From: a@b.c\nMIME-Version: 1.0\nContent-Type: text/plain\n\n" + part("Content-Type: text/x; name=a.exe", "MZ") + "--b--\n"
	miltertest.Run(t, second, miltertest.Message(message)).AssertUnmodified(t)
	assert.Equal(t, "550 5.7.1 programs are not taken", miltertest.RunRouter(t, r, miltertest.Message(message)).Reply())
}

func TestPartMistakes(t *testing.T) {
	t.Parallel()
	for when, want := range map[string]string{
		"part: {}":                            "x.yaml:1:23: rule 1: Part: want Name, Type, Disposition or Over",
		"part: {name: '('}":                   "rule 1: Part: Name: error parsing regexp",
		"part: {name: ''}":                    "rule 1: Part: want Name, Type, Disposition or Over",
		"part: {type: png}":                   `x.yaml:1:30: rule 1: Part: Type/1: "png" is not a media type; want one such as application/zip, or a family such as video/*`,
		"part: {type: [image/png, '*/*']}":    `rule 1: Part: Type/2: "*/*" is not a media type`,
		"part: {type: 'image/p*'}":            `"image/p*" is not a media type`,
		"part: {type: []}":                    "the list is empty",
		"part: {disposition: 'in line'}":      `x.yaml:1:37: rule 1: Part: Disposition: "in line" is not a disposition; want one word, such as attachment or inline`,
		"part: {over: -1}":                    "rule 1: Part: Over: -1 bytes are no limit; want 0 or more",
		"part: {over: x}":                     "want a whole number",
		"part: exe":                           "want a mapping with disposition, name, over, type",
		"unreadable_parts: maybe":             "want true or false",
		"part: {name: x, disposition: [a]}":   "want a text, got a list",
		"part: {filename: x}":                 `unknown key "filename"`,
		"any: [{part: {name: x, nested: 1}}]": `unknown key "nested"`,
	} {
		cfg, err := headers.Parse("x.yaml", []byte("rules: [{when: {"+when+"}, do: [reject: x]}]"))
		if err == nil {
			_, err = headers.New(cfg)
		}
		assert.ErrorContains(t, err, want, when)
	}
}

// TestHostileParts runs hostile bodies through conditions with costly patterns. The time
// is linear in the size of the body: time that grows with its square would exceed the time
// of the test. No time is compared.
func TestHostileParts(t *testing.T) {
	t.Parallel()
	size := 8 << 20
	if testproc.RaceEnabled {
		size = 1 << 20 // each step takes longer
	}
	filter := parsed(t, "rules: [{when: {any: [{part: {name: '(a+)+$', type: x/y}}, {part: {name: '(.*)*\\.exe'}}, {unreadable_parts: false}]}, do: [{add: {name: X, value: y}}]}]")
	for name, line := range map[string]string{
		"delimiters": "--b\n",
		"names":      "--b\nContent-Type: x/y; name=" + strings.Repeat("a", 800) + "b\n\n",
		"many names": "--b\nContent-Type: x/y; " + strings.Repeat("name=a; ", 100) + "\n\n",
		"lookalikes": "--bb\n",
		"CRs":        "\r--",
		"headers":    "--b\nContent-Type: message/rfc822\n\n",
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			message := miltertest.Message("From: a@b.c\n" + mixed + strings.Repeat(line, size/len(line)))
			miltertest.Run(t, filter, message, patient()).AssertAccepted(t)
		})
	}
}
