//go:build integration

package main_test

import (
	"bytes"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/sluicemail/sluice/examples/dkimd/internal/opendkim"
	"github.com/sluicemail/sluice/framework/miltertest/realmta"
	"github.com/sluicemail/sluice/framework/miltertest/testproc"
	"github.com/sluicemail/sluice/wire/mta"
)

// mail is a message that is sent through Postfix.
type mail struct {
	client, login string // the address and the login of the client
	to            string // addresses at example.test; empty means any
	text          string
	differs       string // why the filters do different things with it
}

// from returns a message of an author.
func from(author string) mail {
	return mail{text: "From: " + author + "\nDate: Wed, 4 Mar 2026 05:06:07 +0000\nTo: bob@example.test\nList-ID: x\n\nx\n"}
}

func (m mail) of(client string) mail  { m.client = client; return m }
func (m mail) by(login string) mail   { m.login = login; return m }
func (m mail) sentTo(to string) mail  { m.to = to; return m }
func (m mail) unlike(why string) mail { m.differs = why; return m }

func (m mail) String() string {
	return fmt.Sprintf("client %q, login %q, to %q, differs %q: %q", m.client, m.login, m.to, m.differs, m.text[:min(len(m.text), 120)])
}

// treated is what a filter has done with a message.
type treated struct {
	refused bool
	signed  []string // d=, s=, c=, and i= if it is not the default
	fields  []string // h=, sorted, of the first new signature
	results []string // of Authentication-Results
}

// beside is a Postfix behind which OpenDKIM and dkimd run in turn.
type beside struct {
	*realmta.Postfix
	sent int
}

func newBeside(t *testing.T) *beside {
	t.Helper()
	p := realmta.StartPostfix(t, realmta.PostfixConfig{Main: map[string]string{
		"smtpd_authorized_xclient_hosts": "127.0.0.0/8", "smtpd_relay_restrictions": "reject_unauth_destination", "inet_protocols": "all",
	}})
	return &beside{Postfix: p}
}

var (
	signatureTag = regexp.MustCompile(`(?:^|[:;])\s*([dshci])=\s*([^;]*)`)
	resultOf     = regexp.MustCompile(`dkim=(\w+)(?:[^;]*?header\.d=([\w.-]+))?`)
)

// send sends a message and returns what the filter has done.
func (b *beside) send(t *testing.T, m mail, signatures int) treated {
	t.Helper()
	b.sent++
	to := m.to
	if to == "" {
		to = fmt.Sprintf("m%d@example.test", b.sent)
	}
	client := realmta.DialSMTP(t, b.Addr())
	client.Cmd("EHLO client.example.test")
	attributes := "XCLIENT NAME=client.example.net ADDR=" + m.client
	if m.client == "" {
		attributes = "XCLIENT NAME=localhost ADDR=127.0.0.1"
	}
	if m.login != "" {
		attributes += " LOGIN=" + m.login
	}
	code, text := client.Cmd(attributes)
	require.Equal(t, 220, code, text)
	client.Cmd("EHLO client.example.test")
	data := strings.ReplaceAll(m.text, "\n", "\r\n")
	// A field at the end that no filter signs finds the message again.
	head, body, _ := strings.Cut(data, "\r\n\r\n")
	mark := fmt.Sprintf("X-Mark: %d-", b.sent)
	data = head + "\r\n" + mark + "\r\n\r\n" + body
	code, text = client.Deliver(realmta.Message{From: "ann@example.org", To: strings.Fields(to), Data: []byte(data)})
	client.Cmd("QUIT")
	if code/100 != 2 {
		return treated{refused: true}
	}
	require.Equal(t, 250, code, text)
	got := b.Sink().Await(t, realmta.Containing(mark))
	return judge(string(bytes.ReplaceAll(got.WithoutTrace(), []byte("\r\n"), []byte("\n"))), signatures)
}

// judge reads what a filter has done from the header of a message that had a
// number of signatures before.
func judge(message string, signatures int) treated {
	header, _, _ := strings.Cut(message, "\n\n")
	var out treated
	all := strings.Split(strings.NewReplacer("\n\t", " ", "\n ", " ").Replace(header), "\n")
	count := 0
	for _, f := range all {
		if strings.HasPrefix(f, "DKIM-Signature:") {
			count++
		}
	}
	for _, f := range all {
		switch {
		case strings.HasPrefix(f, "DKIM-Signature:") && len(out.signed) < count-signatures:
			tags := make(map[string]string)
			for _, m := range signatureTag.FindAllStringSubmatch(f, -1) {
				tags[m[1]] = strings.ReplaceAll(m[2], " ", "")
			}
			out.signed = append(out.signed, strings.TrimSpace(tags["d"]+" "+tags["s"]+" "+tags["c"]+" "+strings.TrimPrefix(tags["i"], "@"+tags["d"])))
			if out.fields == nil {
				out.fields = strings.Split(strings.ToLower(tags["h"]), ":")
				slices.Sort(out.fields)
			}
		case strings.HasPrefix(f, "Authentication-Results: mx.example.net"):
			for _, m := range resultOf.FindAllStringSubmatch(f, -1) {
				out.results = append(out.results, strings.TrimSpace(m[1]+" "+m[2]))
			}
		}
	}
	slices.Sort(out.signed) // OpenDKIM has the last key on top
	slices.Sort(out.results)
	return out
}

// startOpenDKIM starts OpenDKIM and returns the name of its socket for Postfix.
func startOpenDKIM(t *testing.T, conf string) string {
	t.Helper()
	free, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	_, port, _ := net.SplitHostPort(free.Addr().String())
	require.NoError(t, free.Close())
	address := "inet:" + port + "@127.0.0.1"
	cmd := exec.Command("/usr/sbin/opendkim", "-f", "-p", address, "-x", conf)
	cmd.Stderr = os.Stderr
	testproc.Start(t, cmd)
	require.Eventually(t, func() bool {
		conn, err := mta.Dial(t.Context(), address, mta.Config{})
		if err != nil {
			return false
		}
		return conn.Close() == nil
	}, time.Minute, 20*time.Millisecond)
	return "inet:127.0.0.1:" + port
}

// importRun is a configuration of OpenDKIM and the mail that both filters get.
type importRun struct {
	files  map[string]string // by name; DIR stands for the directory
	status int               // of dkimd import
	notes  []string          // parts of what it writes to standard error
	mail   func(t *testing.T, dir string) []mail
}

func (r importRun) write(t *testing.T, dir string) {
	t.Helper()
	for name, text := range r.files {
		require.NoError(t, os.WriteFile(filepath.Join(dir, name), []byte(strings.ReplaceAll(text, "DIR", dir)), 0o600))
	}
}

// TestImportedConfigurations imports configurations of OpenDKIM, and sends the
// same mail through Postfix and OpenDKIM, and through Postfix and dkimd.
func TestImportedConfigurations(t *testing.T) {
	t.Parallel()
	for name, r := range importRuns(t) {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			dir := keysForImport(t)
			r.write(t, dir)
			conf := filepath.Join(dir, "opendkim.conf")
			status, yaml, stderr := run(t, "import", conf)
			require.Equal(t, r.status, status, stderr)
			for _, note := range r.notes {
				assert.Contains(t, stderr, strings.ReplaceAll(note, "DIR", dir))
			}
			config := write(t, "dkimd.yaml", yaml)
			must(t, "-config", config, "-check")

			b, letters := newBeside(t), r.mail(t, dir)
			all := func() []treated {
				var done []treated
				for _, m := range letters {
					done = append(done, b.send(t, m, strings.Count(m.text, "DKIM-Signature:")))
				}
				return done
			}
			b.SetMilters(t, startOpenDKIM(t, conf))
			want := all()
			p := start(t, "-config", config)
			address, _ := p.await(t, "serving")["address"].(string)
			b.SetMilters(t, "inet:"+address)
			signed, results := 0, 0
			for i, got := range all() {
				signed += len(got.signed)
				if slices.Equal(got.results, []string{"none"}) && want[i].results == nil {
					got.results = nil // OpenDKIM writes it with AlwaysAddARHeader alone
				}
				results += len(got.results)
				if letters[i].differs != "" {
					assert.NotEqual(t, want[i], got, "%s", letters[i])
					continue
				}
				assert.Equal(t, want[i], got, "%s", letters[i])
			}
			assert.NotZero(t, signed+results)
		})
	}
}

// manualOption is an option in the source of opendkim.conf(5).
var manualOption = regexp.MustCompile(`(?m)^\.TP\n\.I ([A-Za-z-]+) \(`)

// TestOptionsOfTheManual checks that dkimd import knows each option that the
// manual page of the installed OpenDKIM describes.
func TestOptionsOfTheManual(t *testing.T) {
	t.Parallel()
	page, err := exec.CommandContext(t.Context(), "zcat", "-f", "/usr/share/man/man5/opendkim.conf.5.gz").Output()
	if err != nil { // a container may leave out the manual
		page, err = exec.CommandContext(t.Context(), "zcat", "-f", "/usr/share/man/man5/opendkim.conf.5").Output()
	}
	require.NoError(t, err)
	found := manualOption.FindAllSubmatch(page, -1)
	require.Greater(t, len(found), 120)
	for _, m := range found {
		known := slices.ContainsFunc(opendkim.Options(), func(o opendkim.Option) bool { return o.Name == string(m[1]) })
		assert.True(t, known, "%s", m[1])
	}
}
