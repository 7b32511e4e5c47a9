//go:build integration

package main_test

import (
	"bytes"
	"fmt"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/sluicemail/sluice/contrib/arc"
	"github.com/sluicemail/sluice/contrib/dkim"
	"github.com/sluicemail/sluice/contrib/resolver"
	"github.com/sluicemail/sluice/contrib/resolver/resolvertest"
	"github.com/sluicemail/sluice/framework/miltertest/realmta"
	"github.com/sluicemail/sluice/framework/miltertest/testproc"
)

// behind is a Postfix with a sluiced that has a sample and a DNS.
type behind struct {
	server *realmta.Postfix
	dns    string
	sent   int
}

// newBehind starts sluiced as a process, with the sample as it is but for the address.
func newBehind(t *testing.T, name string) *behind {
	t.Helper()
	config, records := sample(t, name)
	b := &behind{dns: resolvertest.Listen(t, zone+records)}
	b.server = realmta.StartPostfix(t, realmta.PostfixConfig{
		Milters: []string{"unix:milter/sluiced.sock"},
		Main: map[string]string{
			"milter_default_action": "tempfail", "smtpd_authorized_xclient_hosts": "127.0.0.0/8", "mynetworks": "0.0.0.0/0",
			"myhostname": "mx.example.net",
		},
	})
	p := testproc.Start(t, exec.Command(testproc.Build(t, "."), "-config", config, "-dns", b.dns,
		"-listen", "unix:"+filepath.Join(b.server.SocketDir(), "sluiced.sock")+"?mode=0666"))
	p.Stderr.Await(t, "msg=serving", 1)
	t.Cleanup(func() {
		p.Signal(t, syscall.SIGTERM)
		assert.NoError(t, p.Wait(t), p.Stderr.String())
	})
	return b
}

// send sends a message of a client, with a login unless that is "". It returns the reply, and
// the message as it was delivered.
func (b *behind) send(t *testing.T, client, login, sender, to, data string) (code int, text string) {
	t.Helper()
	b.sent++
	c := realmta.DialSMTP(t, b.server.Addr())
	defer c.Close()
	c.Cmd("EHLO client.example.test")
	xclient := "XCLIENT NAME=mail.example.org ADDR=" + client
	if login != "" {
		xclient += " LOGIN=" + login
	}
	code, text = c.Cmd(xclient)
	require.Equal(t, 220, code, text)
	c.Cmd("EHLO mail.example.org")
	mark := fmt.Sprintf("X-Mark: %d-mark\r\n", b.sent)
	code, text = c.Deliver(realmta.Message{From: sender, To: []string{to}, Data: []byte(mark + strings.ReplaceAll(data, "\n", "\r\n"))})
	if code != 250 {
		return code, text
	}
	return code, string(b.server.Sink().Await(t, realmta.Containing(strings.TrimSpace(mark))).WithoutTrace())
}

// TestMXBehindPostfix runs the sample of a mail exchanger.
func TestMXBehindPostfix(t *testing.T) {
	t.Parallel()
	b := newBehind(t, "mx.yaml")
	code, text := b.send(t, "192.0.2.1", "", "ann@example.org", "bob@example.test", "Authentication-Results: mx.example.net; dmarc=pass\nX-Spam-Flag: NO\n"+message)
	require.Equal(t, 250, code, text)
	assert.Equal(t, 1, strings.Count(text, "Authentication-Results:"), text)
	assert.Contains(t, text, "Authentication-Results: mx.example.net;\r\n\tspf=pass smtp.mailfrom=ann@example.org;\r\n"+
		"\tspf=pass smtp.helo=mail.example.org;\r\n\tdkim=none;\r\n\tarc=none;\r\n\tdmarc=pass ")
	assert.NotContains(t, text, "X-Spam-Flag")
	assert.Contains(t, text, "X-Received-From: 192.0.2.1\r\n")

	code, text = b.send(t, "192.0.2.66", "", "ann@example.org", "bob@example.test", message)
	assert.Equal(t, 550, code)
	assert.Contains(t, text, "5.7.1 DMARC: fail, mail of example.org is not authenticated")
	forged := strings.Replace(message, "example.org>", "news.example.org>", 1)
	code, text = b.send(t, "192.0.2.66", "", "ann@news.example.org", "bob@example.test", forged)
	assert.Equal(t, 250, code)
	assert.Contains(t, text, "X-Quarantine: ")
	code, text = b.send(t, "192.0.2.1", "", "ann@example.org", "bob@example.test", "From: eve@example.com\n"+message)
	assert.Equal(t, 550, code, text)
}

// TestSubmissionBehindPostfix runs the sample of a submission host.
func TestSubmissionBehindPostfix(t *testing.T) {
	t.Parallel()
	b := newBehind(t, "submission.yaml")
	code, text := b.send(t, "198.51.100.7", "ann", "ann@example.org", "bob@example.test", "X-Originating-IP: 10.0.0.1\nUser-Agent: x\n"+message)
	require.Equal(t, 250, code, text)
	assert.NotContains(t, text, "X-Originating-IP")
	assert.NotContains(t, text, "User-Agent")
	dns, err := resolver.New(resolver.Config{Servers: []string{b.dns}})
	require.NoError(t, err)
	results, err := dkim.Verify(t.Context(), dkim.Verifying{Resolver: dns}, strings.NewReader(text))
	require.NoError(t, err)
	require.Len(t, results, 1, text)
	assert.Equal(t, dkim.StatusPass, results[0].Status, "%s\n%s", results[0].Reason, text)
	assert.Equal(t, "example.org", results[0].Domain)

	code, text = b.send(t, "198.51.100.7", "", "ann@example.org", "bob@example.test", message)
	require.Equal(t, 250, code, text)
	assert.NotContains(t, text, "DKIM-Signature", "the client has not logged in")

	refused := 0
	for range 25 {
		if code, text = b.send(t, "198.51.100.7", "ann", "ann@example.org", "bob@example.test", message); code == 451 {
			refused++
			assert.Contains(t, text, "rate limit exceeded")
		}
	}
	assert.GreaterOrEqual(t, refused, 4, "20 at once")
	code, _ = b.send(t, "198.51.100.7", "cy", "ann@example.org", "bob@example.test", message)
	assert.Equal(t, 250, code, "another login is not limited")
}

// TestListBehindPostfix runs the sample of a host of mailing lists. Its seal and its signature
// are valid although the header was changed, and the seal is above all that sluiced added.
func TestListBehindPostfix(t *testing.T) {
	t.Parallel()
	b := newBehind(t, "list.yaml")
	code, text := b.send(t, "192.0.2.1", "", "ann@example.org", "announce@lists.example.org", message)
	require.Equal(t, 250, code, text)
	assert.Contains(t, text, "Subject: [announce] hello\r\n")
	assert.Contains(t, text, "List-Id: <announce.lists.example.org>\r\n")
	names := regexp.MustCompile(`(?m)^([A-Za-z-]+):`).FindAllStringSubmatch(text, 3)
	require.Len(t, names, 3)
	assert.Equal(t, "ARC-Seal ARC-Message-Signature ARC-Authentication-Results", names[0][1]+" "+names[1][1]+" "+names[2][1], text)
	dns, err := resolver.New(resolver.Config{Servers: []string{b.dns}})
	require.NoError(t, err)
	chain, err := arc.Verify(t.Context(), arc.VerifierConfig{Resolver: dns}, bytes.NewReader([]byte(text)))
	require.NoError(t, err)
	assert.Equal(t, arc.Pass, chain.Status, "%s\n%s", chain.Reason, text)
	results, err := dkim.Verify(t.Context(), dkim.Verifying{Resolver: dns}, strings.NewReader(text))
	require.NoError(t, err)
	require.Len(t, results, 1)
	assert.Equal(t, dkim.StatusPass, results[0].Status, results[0].Reason)
	assert.Equal(t, "lists.example.org", results[0].Domain)

	code, text = b.send(t, "192.0.2.66", "", "ann@example.org", "announce@lists.example.org", message)
	assert.Equal(t, 550, code, text)
}

// TestCheckMessageAsPostfix compares what check-message says about messages with what Postfix
// replies and delivers.
func TestCheckMessageAsPostfix(t *testing.T) {
	t.Parallel()
	b := newBehind(t, "mx.yaml")
	from := func(domain string) string { return strings.Replace(message, "example.org>", domain+">", 1) }
	for name, c := range map[string]struct{ client, login, sender, text, action string }{
		"passes":        {"192.0.2.1", "", "ann@example.org", message, "accept"},
		"forged":        {"192.0.2.66", "", "ann@example.org", message, "reject"},
		"bounce":        {"192.0.2.1", "", "", message, "accept"},
		"own network":   {"127.0.0.1", "", "ann@example.org", message, "accept"},
		"login":         {"192.0.2.66", "ann", "ann@example.org", message, "accept"},
		"quarantine":    {"192.0.2.66", "", "ann@news.example.org", from("news.example.org"), "accept"},
		"no record":     {"192.0.2.66", "", "ann@norecord.example", from("norecord.example"), "accept"},
		"forged fields": {"192.0.2.1", "", "ann@example.org", "Authentication-Results: mx.example.net; dmarc=pass\nAuthentication-Results: other.example; spf=pass\n" + message, "accept"},
		"two From":      {"192.0.2.1", "", "ann@example.org", "From: eve@example.com\n" + message, "reject"},
		"no From":       {"192.0.2.1", "", "ann@example.org", "Subject: x\n\nhello\n", "reject"},
		"no body":       {"192.0.2.1", "", "ann@example.org", "From: ann@example.org\n\n", "accept"},
		"UTF-8":         {"192.0.2.66", "", "ann@example.org", "From: J\u00fcrgen <j@b\u00fccher.example>\nSubject: \u00fc\n\nhello\n", "accept"},
		"folded From":   {"192.0.2.66", "", "ann@example.org", "From: Ann\n <ann@example.org>\n\nhello\n", "reject"},
		"broken DKIM": {
			"192.0.2.66", "", "ann@example.org",
			"DKIM-Signature: v=1; a=rsa-sha256; c=relaxed/relaxed; d=example.org; s=none;\n\th=From; bh=AAAA; b=AAAA\n" + message, "reject",
		},
	} {
		code, text := b.send(t, c.client, c.login, c.sender, "bob@example.test", c.text)
		args := []string{"-dns", b.dns, "-client", c.client, "-client-name", "mail.example.org", "-from", c.sender}
		if c.login != "" {
			args = append(args, "-user", c.login)
		}
		r, raw := checked(t, "mx.yaml", c.text, args...)
		assert.Equal(t, c.action, r.Action, "%s: %s", name, raw)
		if c.action == "reject" {
			assert.Equal(t, 550, code, name)
			assert.Equal(t, "550 "+regexp.MustCompile(`\n5\.\d\.\d+ `).ReplaceAllString(text, " / "), r.Reply, name)
			continue
		}
		require.Equal(t, 250, code, "%s: %s", name, text)
		header, _, _ := strings.Cut(text, "\r\n\r\n")
		found := regexp.MustCompile(`(?m)^Authentication-Results: (mx\.example\.net;(?:.*\n[ \t])*.*)`).FindAllStringSubmatch(header, -1)
		require.Len(t, found, 1, "%s: %s", name, header)
		assert.Equal(t, strings.Join(strings.Fields(found[0][1]), " "), r.Results, "%s: %s", name, raw)
	}
}
