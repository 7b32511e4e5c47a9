package docs_test

import (
	"crypto"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/sluicemail/sluice/contrib/arc"
	"github.com/sluicemail/sluice/contrib/dkim"
	"github.com/sluicemail/sluice/contrib/resolver"
	"github.com/sluicemail/sluice/contrib/resolver/resolvertest"
	"github.com/sluicemail/sluice/docs/internal/walk"
)

// TestSluicedOnPages runs the commands of sluiced that some pages show,
// with a DNS and messages of its own, and compares what they print with the text on the page.
func TestSluicedOnPages(t *testing.T) {
	t.Parallel()
	program := example(t, "sluiced")
	dir := t.TempDir()
	dns := writeMessages(t, dir)
	for _, page := range []string{"howto/authenticate-mail.md", "explanation/mail-authentication.md", "howto/run-behind-maddy-or-stalwart.md"} {
		t.Run(page, func(t *testing.T) {
			t.Parallel()
			text, err := os.ReadFile(page)
			require.NoError(t, err)
			shown := commandsOf(t, dir, walk.Parse(string(text)))
			require.NotEmpty(t, shown)
			for _, c := range shown {
				got := runShown(t, dir, program, dns, c.command)
				assert.Regexp(t, shownPattern(c.output), got, "%s line %d:\n%s", page, c.line, got)
			}
		})
	}
}

// shownCommand is a command on a page, with the output that the page shows.
type shownCommand struct {
	command, output string
	line            int
}

// commandsOf saves the files of a page, and returns its commands of sluiced that have an output.
func commandsOf(t *testing.T, dir string, blocks []walk.Block) (list []shownCommand) {
	t.Helper()
	for i, b := range blocks {
		switch {
		case b.Lang == "yaml" && b.File != "":
			require.NoError(t, os.WriteFile(filepath.Join(dir, b.File), []byte(b.Text), 0o600))
		case b.Lang == "shell-session" && strings.HasPrefix(b.Text, "sluiced ") && i+1 < len(blocks) && blocks[i+1].Lang == "text":
			list = append(list, shownCommand{b.Text, blocks[i+1].Text, b.Line})
		}
	}
	return list
}

// runShown runs a command of a page in a folder and returns what it prints. The log, if the
// command asks for it, comes first.
func runShown(t *testing.T, dir, program, dns, command string) string {
	t.Helper()
	command = strings.Replace(command, "sluiced check-message ", "sluiced check-message -hostname mx.example.net -dns "+dns+" ", 1)
	cmd := exec.CommandContext(t.Context(), "sh", "-c", strings.Replace(command, "sluiced", program, 1))
	cmd.Dir = dir
	out, err := cmd.CombinedOutput()
	require.NoError(t, err, "%s\n%s", command, out)
	return string(out)
}

// shownPattern returns a regular expression for what a page shows. "…" stands for any text
// within a line, or for any number of lines.
func shownPattern(shown string) string {
	p := strings.ReplaceAll(regexp.QuoteMeta(shown), "\n…\n", "\n(?:(?s:.*?)\n)?")
	return `\A` + strings.ReplaceAll(p, "…", ".*") + `\z`
}

// letterText is the message of the pages, as its author sends it.
const letterText = "From: Ann <ann@example.org>\r\nTo: bob@example.net\r\nSubject: Thursday\r\nDate: Mon, 30 Nov 2026 07:00:00 +0000\r\n" +
	"Message-ID: <thursday@example.org>\r\n\r\nLet us meet at ten.\r\n"

// writeMessages writes the messages of the pages into a folder: direct.eml is signed by its
// author's host, list.eml is what a mailing list makes of it, forged.eml is not of Ann, and
// deep.eml is of a subdomain. It returns the address of a name server for them.
func writeMessages(t *testing.T, dir string) (dns string) {
	t.Helper()
	author, list := newKey(t), newKey(t)
	dns = resolvertest.Listen(t, `
		example.org.             TXT "v=spf1 ip4:192.0.2.1 -all"
		mail.example.org.        TXT "v=spf1 ip4:192.0.2.1 -all"
		bounces.example.org.     TXT "v=spf1 ip4:192.0.2.1 -all"
		_dmarc.example.org.      TXT "v=DMARC1; p=reject"
		lists.example.com.       TXT "v=spf1 ip4:198.51.100.9 -all"
		`+record(t, "s1", "example.org", author)+record(t, "arc", "lists.example.com", list))
	signed, err := dkim.Sign(dkim.Signing{Rules: []dkim.Rule{{Senders: []string{"*"}, Keys: []dkim.Key{{Domain: "example.org", Selector: "s1", Signer: author}}}}},
		strings.NewReader(letterText))
	require.NoError(t, err)
	direct := strings.Join(signed, "") + letterText
	posted := "Authentication-Results: lists.example.com;\r\n\tspf=pass smtp.mailfrom=ann@example.org;\r\n\tdkim=pass header.d=example.org header.s=s1;\r\n" +
		"\tdmarc=pass header.from=example.org\r\n" + strings.ReplaceAll(direct, "Subject: ", "Subject: [team] ") + "-- \r\nThe team's list\r\n"
	chain, err := arc.Verify(t.Context(), arc.VerifierConfig{Resolver: newResolver(t, dns)}, strings.NewReader(posted))
	require.NoError(t, err)
	seal, err := arc.Seal(arc.SealerConfig{Domain: "lists.example.com", Selector: "arc", Signer: list, AuthservID: "lists.example.com"}, chain, strings.NewReader(posted))
	require.NoError(t, err)
	for name, text := range map[string]string{"direct.eml": direct, "list.eml": strings.Join(seal, "") + posted, "forged.eml": letterText, "deep.eml": strings.Replace(letterText, "ann@", "ann@news.team.", 1)} {
		require.NoError(t, os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600))
	}
	mx, err := os.ReadFile("../examples/sluiced/mx.yaml")
	require.NoError(t, err)
	require.NoError(t, os.WriteFile(filepath.Join(dir, "mx.yaml"), mx, 0o600))
	return dns
}

func newKey(t *testing.T) crypto.Signer {
	t.Helper()
	key, err := dkim.GenerateKey("rsa", 1024)
	require.NoError(t, err)
	return key
}

// record returns the record of a key as a zone has it.
func record(t *testing.T, selector, domain string, key crypto.Signer) string {
	t.Helper()
	text, err := dkim.FormatRecord(key.Public())
	require.NoError(t, err)
	return fmt.Sprintf("%s._domainkey.%s. TXT %q\n", selector, domain, text)
}

func newResolver(t *testing.T, server string) *resolver.Resolver {
	t.Helper()
	r, err := resolver.New(resolver.Config{Servers: []string{server}})
	require.NoError(t, err)
	return r
}
