package main_test

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"net"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/sluicemail/sluice/contrib/resolver/resolvertest"
	main "github.com/sluicemail/sluice/examples/sluiced"
)

// zone is the DNS of the tests.
const zone = `
	example.org.             TXT "v=spf1 ip4:192.0.2.1 -all"
	mail.example.org.        TXT "v=spf1 a -all"
	mail.example.org.        A   192.0.2.1
	_dmarc.example.org.      TXT "v=DMARC1; p=reject; sp=quarantine"
	news.example.org.        TXT "v=spf1 -all"
	news.example.org.        A   192.0.2.9
	_dmarc.relaxed.example.  TXT "v=DMARC1; p=none"
	norecord.example.        A   192.0.2.8
`

const message = "From: Ann <ann@example.org>\nTo: bob@example.net\nSubject: hello\nDate: Mon, 30 Nov 2026 07:00:00 +0000\nMessage-ID: <1@example.org>\n\nHow are you?\n"

// result is what check-message prints as JSON, as other programs read it.
type result struct {
	SPF *struct {
		MailFrom string `json:"mailfrom"`
		Helo     string `json:"helo"`
	} `json:"spf"`
	DKIM []struct {
		Domain string `json:"domain"`
		Result string `json:"result"`
	} `json:"dkim"`
	DMARC *struct {
		Result         string `json:"result"`
		Policy         string `json:"policy"`
		Author         string `json:"author"`
		Organizational string `json:"organizational"`
	} `json:"dmarc"`
	ARC     *string `json:"arc"`
	Action  string  `json:"action"`
	Results string  `json:"authentication_results"`
	Reply   string  `json:"reply"`
	Edits   struct {
		Added []struct{ Name, Value string } `json:"added"`
	} `json:"edits"`
	DNS []struct {
		Name   string `json:"name"`
		Type   string `json:"type"`
		Answer string `json:"answer"`
	} `json:"dns"`
	Refused []struct{ Recipient, Reply string } `json:"refused_recipients"`
}

// checked returns what check-message prints as JSON about a message.
func checked(t *testing.T, config, text string, args ...string) (r result, raw string) {
	t.Helper()
	args = append([]string{"check-message", "-config", config, "-json", "-hostname", "mx.example.net"}, args...)
	status, raw, stderr := run(t, append(args, write(t, "message.eml", text))...)
	require.Zero(t, status, stderr)
	require.Empty(t, stderr)
	require.NoError(t, json.Unmarshal([]byte(raw), &r))
	return r, raw
}

func TestCheckMessage(t *testing.T) {
	t.Parallel()
	dns := resolvertest.Listen(t, zone, resolvertest.Fail("broken.example"))
	from := func(domain string) string { return strings.ReplaceAll(message, "example.org>", domain+">") }
	for name, c := range map[string]struct {
		client, helo, sender, text                       string
		mailfrom, heloResult, dmarc, policy, org, action string
	}{
		"passes":       {"192.0.2.1", "mail.example.org", "ann@example.org", message, "pass", "pass", "pass", "reject", "example.org", "accept"},
		"CRLF":         {"192.0.2.1", "mail.example.org", "ann@example.org", strings.ReplaceAll(message, "\n", "\r\n"), "pass", "pass", "pass", "reject", "example.org", "accept"},
		"no HELO":      {"192.0.2.1", "host.invalid", "ann@example.org", message, "pass", "none", "pass", "reject", "example.org", "accept"},
		"forged":       {"192.0.2.66", "mail.example.org", "ann@example.org", message, "fail", "fail", "fail", "reject", "example.org", "reject"},
		"subdomain":    {"192.0.2.66", "host.invalid", "ann@news.example.org", from("news.example.org"), "fail", "none", "fail", "quarantine", "example.org", "accept"},
		"no record":    {"192.0.2.66", "host.invalid", "ann@norecord.example", from("norecord.example"), "none", "none", "none", "none", "norecord.example", "accept"},
		"policy none":  {"192.0.2.66", "host.invalid", "ann@relaxed.example", from("relaxed.example"), "none", "none", "fail", "none", "relaxed.example", "accept"},
		"broken":       {"192.0.2.66", "host.invalid", "ann@broken.example", from("broken.example"), "temperror", "none", "temperror", "none", "", "tempfail"},
		"bounce":       {"192.0.2.1", "mail.example.org", "", message, "pass", "pass", "pass", "reject", "example.org", "accept"},
		"bounce in <>": {"192.0.2.1", "mail.example.org", "<>", message, "pass", "pass", "pass", "reject", "example.org", "accept"},
		"own host":     {"127.0.0.1", "localhost", "ann@example.org", message, "none", "none", "none", "reject", "example.org", "accept"},
		"IPv6":         {"2001:db8::1", "host.invalid", "ann@example.org", message, "fail", "none", "fail", "reject", "example.org", "reject"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r, raw := checked(t, "mx.yaml", c.text, "-dns", dns, "-client", c.client, "-helo", c.helo, "-from", c.sender)
			require.NotNil(t, r.SPF, raw)
			require.NotNil(t, r.DMARC, raw)
			assert.Equal(t, c.mailfrom, r.SPF.MailFrom)
			assert.Equal(t, c.heloResult, r.SPF.Helo)
			assert.NotNil(t, r.DKIM)
			assert.Empty(t, r.DKIM)
			assert.Equal(t, c.dmarc, r.DMARC.Result)
			assert.Equal(t, c.policy, r.DMARC.Policy)
			assert.Equal(t, c.org, r.DMARC.Organizational, raw)
			assert.Equal(t, "none", *r.ARC)
			assert.Equal(t, c.action, r.Action)
			assert.True(t, strings.HasPrefix(r.Results, "mx.example.net; spf="+c.mailfrom), r.Results)
			assert.Equal(t, c.action == "accept", r.Reply == "", r.Reply)
			assert.Contains(t, raw, `"dkim": [],`)
		})
	}
}

// A signature of the submission host is valid at the mail exchanger.
func TestCheckSigned(t *testing.T) {
	t.Parallel()
	config, records := sample(t, "submission.yaml")
	dns := resolvertest.Listen(t, zone+records)
	signed, _ := checked(t, config, message, "-client", "198.51.100.7", "-user", "ann", "-from", "ann@example.org", "-dns", dns)
	assert.Nil(t, signed.SPF)
	assert.Nil(t, signed.DMARC)
	assert.Nil(t, signed.ARC)
	require.Len(t, signed.Edits.Added, 1)
	assert.Equal(t, "DKIM-Signature", signed.Edits.Added[0].Name)
	text := "DKIM-Signature: " + strings.ReplaceAll(signed.Edits.Added[0].Value, "; ", ";\n\t") + "\n" + message

	r, raw := checked(t, "mx.yaml", text, "-client", "198.51.100.7", "-helo", "host.invalid", "-from", "bounces@relaxed.example", "-dns", dns)
	require.Len(t, r.DKIM, 1, raw)
	assert.Equal(t, "example.org", r.DKIM[0].Domain)
	assert.Equal(t, "pass", r.DKIM[0].Result, raw)
	assert.Equal(t, "pass", r.DMARC.Result)
	assert.Equal(t, "accept", r.Action)
	var names []string
	for _, l := range r.DNS {
		names = append(names, l.Type+" "+l.Name)
	}
	assert.Contains(t, names, "TXT s2026._domainkey.example.org")
	assert.Contains(t, names, "TXT _dmarc.example.org")
	assert.Contains(t, names, "TXT relaxed.example")
}

// The list host seals what it passes on, and the mail exchanger finds the seal.
func TestCheckSealed(t *testing.T) {
	t.Parallel()
	config, records := sample(t, "list.yaml")
	dns := resolvertest.Listen(t, zone+records)
	r, raw := checked(t, config, message, "-client", "192.0.2.1", "-helo", "mail.example.org", "-from", "ann@example.org",
		"-rcpt", "announce@lists.example.org", "-dns", dns)
	var names []string
	for _, f := range r.Edits.Added {
		names = append(names, f.Name)
	}
	require.Equal(t, []string{"ARC-Seal", "ARC-Message-Signature", "ARC-Authentication-Results"}, names[:3], raw)
	assert.ElementsMatch(t, []string{"Authentication-Results", "DKIM-Signature", "List-Id"}, names[3:])
	assert.Contains(t, raw, `"new": "[announce] hello"`)
}

// Filters without authenticate decide, too.
func TestCheckOtherFilters(t *testing.T) {
	t.Parallel()
	config := write(t, "sluiced.yaml", `filters:
- headers:
    rules:
    - {when: {matches: {name: Subject, match: viagra}}, do: [{reject: no}]}
    - {when: {matches: {name: Subject, match: odd}}, do: [{quarantine: odd}]}
    - do: [{add: {name: X, value: '1'}}]
`)
	for subject, action := range map[string]string{"viagra": "reject", "odd": "quarantine", "hello": "accept"} {
		r, raw := checked(t, config, strings.Replace(message, "hello", subject, 1), "-client", "192.0.2.1", "-from", "a@b.example")
		assert.Equal(t, action, r.Action, raw)
		assert.Nil(t, r.SPF)
		assert.Contains(t, raw, `"dkim": null,`)
	}
}

func TestCheckFromStdin(t *testing.T) {
	t.Parallel()
	config := write(t, "sluiced.yaml", "filters: [{headers: {rules: [{do: [{add: {name: X, value: '1'}}]}]}}]\n")
	status, stdout, stderr := runWith(t, strings.NewReader(message), "check-message", "-config", config, "-client", "192.0.2.1", "-from", "", "-")
	assert.Zero(t, status, stderr)
	assert.Equal(t, "The message is accepted.\n\nEdits\n  add X: 1\n", stdout)
}

// A remote milter is asked unless -no-remote leaves it out.
func TestCheckRemote(t *testing.T) {
	t.Parallel()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	_, port, _ := net.SplitHostPort(ln.Addr().String())
	require.NoError(t, ln.Close())
	config := write(t, "sluiced.yaml", "filters: [{remote: {addresses: ['inet:"+port+"@127.0.0.1']}}]\n")
	r, raw := checked(t, config, message, "-client", "192.0.2.1", "-from", "a@b.example")
	assert.Equal(t, "tempfail", r.Action, raw)
	r, raw = checked(t, config, message, "-client", "192.0.2.1", "-from", "a@b.example", "-no-remote")
	assert.Equal(t, "accept", r.Action, raw)
}

func TestCheckMessageUsage(t *testing.T) {
	t.Parallel()
	eml := write(t, "message.eml", message)
	good := []string{"-config", "mx.yaml", "-client", "192.0.2.1", "-from", "a@b.example"}
	for name, c := range map[string]struct {
		args   []string
		status int
		says   string
	}{
		"no message":     {good, 2, "usage: sluiced check-message"},
		"no config":      {append(good[2:], eml), 2, "-config is required"},
		"no client":      {[]string{"-config", "mx.yaml", "-from", "", eml}, 2, "-client is required"},
		"no sender":      {append(good[:4:4], eml), 2, "-from is required"},
		"odd client":     {[]string{"-client", "mail"}, 2, "for flag -client: want an IP address without a port and brackets"},
		"client, port":   {[]string{"-client", "192.0.2.1:25"}, 2, "for flag -client: want an IP address without a port and brackets"},
		"client [IPv6]":  {[]string{"-client", "[2001:db8::1]"}, 2, "for flag -client: want an IP address without a port and brackets"},
		"odd DNS":        {append(good[:6:6], "-dns", "127.0.0.1", eml), 2, "-dns: "},
		"unknown flag":   {append(good[:6:6], "-colour", eml), 2, "-colour"},
		"no such file":   {append(good[:6:6], "/nonexistent.eml"), 1, "open /nonexistent.eml"},
		"a folder":       {append(good[:6:6], t.TempDir()), 1, "is a directory"},
		"no such config": {[]string{"-config", "/nonexistent.yaml", "-client", "192.0.2.1", "-from", "", eml}, 1, "open /nonexistent.yaml"},
		"wrong config":   {[]string{"-config", write(t, "x.yaml", "filter: []\n"), "-client", "192.0.2.1", "-from", "", eml}, 1, `x.yaml:1:1: unknown setting "filter" (did you mean filters?)`},
		"a bracket":      {append(good[:4:4], "-from", "a@b>", eml), 1, `"a@b>" is not an address`},
		"arguments":      {append(good[:4:4], "-from", "<a@b.example> SIZE=1", eml), 1, `"<a@b.example> SIZE=1" is not an address`},
		"odd recipient":  {append(good[:6:6], "-rcpt", "<b@b.example", eml), 1, `"<b@b.example" is not an address`},
		"no recipient":   {append(good[:6:6], "-rcpt", "<>", eml), 1, "a recipient is empty"},
		"two lines":      {[]string{"-config", "mx.yaml", "-client", "192.0.2.1", "-from", "a\nb", eml}, 1, "has more than one line"},
	} {
		status, stdout, stderr := run(t, append([]string{"check-message"}, c.args...)...)
		assert.Equal(t, c.status, status, name)
		assert.Empty(t, stdout, name)
		assert.Contains(t, stderr, c.says, name)
		assert.True(t, strings.HasPrefix(stderr, "sluiced: "), stderr)
	}
	status, stdout, _ := run(t, "check-message", "-help")
	assert.Zero(t, status)
	assert.Contains(t, stdout, "-client IP")
	status, _, stderr := run(t, "check")
	assert.Equal(t, 2, status)
	assert.Equal(t, "sluiced: unknown command \"check\": want check-message\n", stderr)
}

// A message that authenticate does not see, or sees only in part, is decided all the same.
func TestCheckUnseen(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct{ config, action, stands string }{
		"condition":     {"filters: [{authenticate: {}, when: {senders: [other.example]}}]\n", "accept", "The message is accepted.\n"},
		"too many":      {"limits: {max_headers: 2}\nfilters: [{authenticate: {}}]\n", "reject", "The message is rejected at end of message: 552 5.3.4 "},
		"refused first": {"filters: [{headers: {rules: [{when: {helo: mail.example.org}, do: [{reject: no}]}]}}, {authenticate: {}}]\n", "reject", "The message is rejected"},
	} {
		config := write(t, "sluiced.yaml", c.config)
		args := []string{"-client", "192.0.2.1", "-helo", "mail.example.org", "-from", "ann@example.org", "-dns", "127.0.0.1:1"}
		r, raw := checked(t, config, message, args...)
		assert.Equal(t, c.action, r.Action, name)
		if name != "refused first" {
			assert.Empty(t, r.Results, name)
			assert.Nil(t, r.SPF, name)
			assert.Contains(t, raw, `"dkim": null,`, name)
			text := must(t, append(append([]string{"check-message", "-config", config}, args...), write(t, "m.eml", message))...)
			assert.True(t, strings.HasPrefix(text, c.stands), text)
			assert.Contains(t, text, "The filter authenticate did not see the whole message")
		}
	}
}

// What is not known has no empty place in the text.
func TestExplainUnknown(t *testing.T) {
	t.Parallel()
	dns := resolvertest.Listen(t, zone, resolvertest.Fail("broken.example"))
	args := []string{"check-message", "-config", "mx.yaml", "-dns", dns, "-client", "192.0.2.1", "-from", "ann@example.org"}
	text := must(t, append(args, write(t, "m.eml", "Subject: x\n\n"))...)
	assert.Contains(t, text, "\n  DMARC: permerror.\n  The message has no From field, and so no author.\n")
	text = must(t, append(args, write(t, "m.eml", "From: a@broken.example\n\n"))...)
	assert.Contains(t, text, "\n  DMARC for broken.example: temperror.\n")
	text = must(t, append(args, "-user", "ann", write(t, "m.eml", message))...)
	assert.Contains(t, text, "\n  DMARC was not evaluated: ")
	assert.NotContains(t, text, "\n  the client")
}

// The end of the context ends the command although no one writes the message.
func TestCheckInterrupted(t *testing.T) {
	t.Parallel()
	stdin, writer := io.Pipe()
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	var stdout, stderr bytes.Buffer
	status := main.Run(ctx, []string{"check-message", "-config", "mx.yaml", "-client", "192.0.2.1", "-from", "", "-"}, stdin, &stdout, &stderr)
	assert.Equal(t, 1, status)
	assert.Equal(t, "sluiced: interrupted\n", stderr.String())
	require.NoError(t, writer.Close()) // ends the reader
}

// -debug prints the filters' log.
func TestCheckDebug(t *testing.T) {
	t.Parallel()
	config := write(t, "sluiced.yaml", "middleware: [logger]\nfilters: [{headers: {rules: []}}]\n")
	status, _, stderr := run(t, "check-message", "-config", config, "-client", "192.0.2.1", "-from", "a@b.example", "-debug", write(t, "message.eml", message))
	assert.Zero(t, status)
	assert.Contains(t, stderr, "level=INFO")
}
