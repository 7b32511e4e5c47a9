//go:build integration

package remote_test

import (
	"context"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/base64"
	"encoding/pem"
	"fmt"
	mrand "math/rand/v2"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/sluicemail/sluice/contrib/dkim"
	"github.com/sluicemail/sluice/contrib/remote"
	"github.com/sluicemail/sluice/framework"
	"github.com/sluicemail/sluice/framework/miltertest"
	"github.com/sluicemail/sluice/framework/miltertest/realmta"
	"github.com/sluicemail/sluice/framework/miltertest/testproc"
	"github.com/sluicemail/sluice/wire/mta"
)

// run starts a milter of another implementation, and waits until it answers at its socket.
func run(t *testing.T, socket, name string, args ...string) {
	t.Helper()
	cmd := exec.Command(name, args...)
	process := testproc.Start(t, cmd)
	t.Cleanup(process.Kill)
	require.Eventually(t, func() bool {
		conn, err := mta.Dial(t.Context(), "unix:"+socket, mta.Config{})
		return err == nil && conn.Quit(t.Context()) == nil
	}, patience, tick)
	require.NoError(t, os.Chmod(socket, 0o666))
}

// listenFor serves filters at a socket of the mail server, and returns the address.
func listenFor(t *testing.T, p *realmta.Postfix, filters ...framework.Filter) net.Addr {
	t.Helper()
	r := framework.NewRouter()
	for _, f := range filters {
		r.Mount(f)
	}
	ln := p.Listen(t, "unix")
	realmta.Serve(t, ln, r, framework.Config{})
	return ln.Addr()
}

// signingKey writes a new key to a file, and returns the file and the record of its public
// part.
func signingKey(t *testing.T, dir string) (file, record string) {
	t.Helper()
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	require.NoError(t, err)
	file = filepath.Join(dir, "key.pem")
	text := pem.EncodeToMemory(&pem.Block{Type: "RSA PRIVATE KEY", Bytes: x509.MarshalPKCS1PrivateKey(key)})
	require.NoError(t, os.WriteFile(file, text, 0o600))
	public, err := x509.MarshalPKIXPublicKey(&key.PublicKey)
	require.NoError(t, err)
	return file, "v=DKIM1; p=" + base64.StdEncoding.EncodeToString(public)
}

// letters draws messages with what filters stumble over: folds, spaces, forged results, 8-bit
// text, lines with dots, empty bodies.
func letters(seed uint64, n int) []string {
	rng := mrand.New(mrand.NewPCG(seed, 17))
	pick := func(list ...string) string { return list[rng.IntN(len(list))] }
	var all []string
	for i := range n {
		var b strings.Builder
		for range rng.IntN(4) {
			b.WriteString(pick("X-Forged: 1", "x-forged:  two", "Authentication-Results: od.example.net; dkim=pass header.d=bank.example",
				"Authentication-Results: od.example.net;\r\n\tdkim=fail", "Authentication-Results: other.example; spf=pass") + "\r\n")
		}
		fmt.Fprintf(&b, "From: Ann <ann@example.org>\r\nMessage-ID: <%d.%d@example.org>\r\n", seed, i)
		b.WriteString(pick("", "Subject: plain\r\n", "Subject:  two  spaces \r\n", "Subject: folded\r\n\tonce\r\n and again\r\n", "subject:none\r\n"))
		b.WriteString(pick("", "X-Forged: last\r\n", "X-Long: "+strings.Repeat("word ", 150)+"\r\n", "X-Empty:\r\n", "X-8bit: gr\xfc\xdfe\r\n"))
		b.WriteString("To: bob@example.test\r\n\r\n")
		for range rng.IntN(6) {
			b.WriteString(pick("hello\r\n", ".\r\n", "..dots\r\n", "\r\n", "spaces  \t \r\n", "gr\xc3\xbc\xc3\x9fe\r\n", strings.Repeat("x", 900)+"\r\n", "refuse this\r\n"))
		}
		b.WriteString(pick("", strings.Repeat("a line of a large body\r\n", 4000)))
		all = append(all, b.String())
	}
	return all
}

// signed matches what differs between two signatures of the same message.
var signed = regexp.MustCompile(`(?s)(\bt=)\d+|(\bb=)[A-Za-z0-9+/=\s]+(\r\n[^\s]|$)`)

// deliver sends a message to two recipients. outcome is what the client and the recipients
// see of it, without the time of a signature and without the signature itself, which contains
// the time. delivered is the message as it arrives, or "".
func (p *postfix) deliver(t *testing.T, n int, data string) (outcome, delivered string) {
	t.Helper()
	to := fmt.Sprintf("m%d@example.test", n)
	var seen strings.Builder
	for _, line := range []string{"MAIL FROM:<ann@example.org> BODY=8BITMIME", "RCPT TO:<" + to + ">", "RCPT TO:<nobody@example.test>"} {
		code, text := p.client.Cmd(line)
		fmt.Fprintln(&seen, code, text)
	}
	code, text := p.client.Data([]byte(data))
	fmt.Fprintln(&seen, code, queueID.ReplaceAllString(text, "queued as …"))
	if code != 250 {
		return seen.String(), ""
	}
	got := p.Sink().Await(t, realmta.ToRecipient(to))
	p.Sink().Reset()
	delivered = string(got.WithoutTrace())
	fmt.Fprintln(&seen, got.From, got.FromArgs, got.To, got.ToArgs)
	return seen.String() + signed.ReplaceAllString(delivered, "$1$2…$3"), delivered
}

// queueID matches the only part of Postfix's replies that differs between two messages.
var queueID = regexp.MustCompile(`queued as \S+`)

// postfix is a mail server with a client.
type postfix struct {
	*realmta.Postfix
	client *realmta.Client
}

// asks makes the server ask filters, and connects a client.
func (p *postfix) asks(t *testing.T, filters ...net.Addr) {
	t.Helper()
	p.SetFilters(t, filters...)
	p.client = realmta.DialSMTP(t, p.Addr())
	code, text := p.client.Cmd("EHLO client.example.test")
	require.Equal(t, 250, code, text)
}

// otherMilter is a milter of another implementation.
type otherMilter struct {
	name   string
	socket string
	verify bool // the messages are signed
	count  int  // messages to send, and as many with a filter before
}

func startMilters(t *testing.T, dir string) (milters []otherMilter, record string) {
	t.Helper()
	file, record := signingKey(t, dir)
	openDKIM := func(name string, settings ...string) otherMilter {
		socket := filepath.Join(dir, name)
		conf := append([]string{
			"Socket local:" + socket, "AuthservID od.example.net", "RequireSafeKeys no", "Syslog no",
			"InternalHosts 127.0.0.1", "Background no", "AutoRestart no",
		}, settings...)
		require.NoError(t, os.WriteFile(socket+".conf", []byte(strings.Join(conf, "\n")+"\n"), 0o600))
		run(t, socket, "/usr/sbin/opendkim", "-f", "-x", socket+".conf")
		return otherMilter{name: "OpenDKIM, " + name, socket: socket, count: 100}
	}
	signer := openDKIM("signing", "Mode s", "Domain example.org", "Selector s", "KeyFile "+file, "Canonicalization relaxed/simple")
	simple := openDKIM("signing-simple", "Mode s", "Domain example.org", "Selector s", "KeyFile "+file, "Canonicalization simple/simple")
	signer.verify, simple.verify, simple.count = true, true, 30
	python := otherMilter{name: "pymilter", socket: filepath.Join(dir, "pymilter"), count: 100}
	run(t, python.socket, "/usr/bin/python3", "testdata/pymilter.py", python.socket)
	return []otherMilter{signer, simple, openDKIM("verifying", "Mode v", "AlwaysAddARHeader yes"), python}, record
}

// Behind a real Postfix, milters of other implementations do the same as lanes as they do
// when Postfix asks them itself, byte for byte, with and without a filter before them that
// rewrites the message.
func TestSameAsAskedByPostfix(t *testing.T) {
	t.Parallel()
	direct := &postfix{Postfix: realmta.StartPostfix(t, realmta.PostfixConfig{})}
	through := &postfix{Postfix: realmta.StartPostfix(t, realmta.PostfixConfig{})}
	dir := direct.SocketDir()
	milters, record := startMilters(t, dir)
	n := 0
	for seed, m := range milters {
		for _, rewrites := range []bool{false, true} {
			asked := []net.Addr{&net.UnixAddr{Net: "unix", Name: m.socket}}
			lanes := []framework.Filter{lane(t, remote.Config{}, "unix:"+m.socket)}
			if rewrites {
				asked = append([]net.Addr{listenFor(t, direct.Postfix, rewriter())}, asked...)
				lanes = append([]framework.Filter{rewriter()}, lanes...)
			}
			direct.asks(t, asked...)
			through.asks(t, listenFor(t, through.Postfix, lanes...))
			arrived := 0
			for _, data := range letters(uint64(seed), m.count) {
				n++
				want, _ := direct.deliver(t, n, data)
				got, delivered := through.deliver(t, n, data)
				require.Equal(t, want, got, "%s, rewritten: %v\n%s", m.name, rewrites, data)
				if m.verify {
					assertSigned(t, record, delivered)
				}
				if delivered != "" {
					arrived++
				}
			}
			t.Logf("%s, rewritten: %v: %d messages arrived", m.name, rewrites, arrived)
			assert.Greater(t, arrived, 20, m.name)
		}
	}
}

// published is a DNS with the record of one key.
type published string

// LookupTXT implements dkim.Resolver.
func (p published) LookupTXT(_ context.Context, name string) ([]string, error) {
	if strings.TrimSuffix(name, ".") != "s._domainkey.example.org" {
		return nil, &net.DNSError{Err: "no such host", Name: name, IsNotFound: true}
	}
	return []string{string(p)}, nil
}

// assertSigned asserts that the signature of a delivered message is right.
func assertSigned(t *testing.T, record, delivered string) {
	t.Helper()
	f, err := dkim.NewVerifier(dkim.Config{Verifying: dkim.Verifying{Resolver: published(record), AuthservID: "mx.example.net"}})
	require.NoError(t, err)
	msg, err := mta.ReadMessage(strings.NewReader(delivered))
	require.NoError(t, err)
	msg.Recipients = []mta.Recipient{{Addr: "<bob@example.net>"}}
	res := miltertest.Run(t, f, msg)
	require.NotNil(t, res.Edited)
	assert.Contains(t, string(res.Edited.Bytes()), "dkim=pass", delivered)
}
