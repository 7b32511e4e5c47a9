//go:build integration

package remote_test

import (
	"bufio"
	"bytes"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/base64"
	"encoding/pem"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/sluicemail/sluice/framework/miltertest/testproc"
	"github.com/sluicemail/sluice/wire/mta"
)

// otherMilter is a milter of another implementation.
type otherMilter struct {
	name    string
	socket  string
	from    []string // the domains of the authors; example.org if empty
	signs   bool
	refuses bool // some of the messages
	count   int  // messages to send, and as many with a filter before
}

// milters starts the milters of other implementations.
type milters struct {
	t      *testing.T
	dir    string // of the sockets, which the mail server can reach
	record string // that belongs to the key of the signing ones
}

// start starts all of them. They are ready when it returns.
func (ms *milters) start() []otherMilter {
	ms.t.Helper()
	key, record := signingKey(ms.t, ms.dir)
	ms.record = record
	signer := func(name, canonicalization string) otherMilter {
		return ms.openDKIM(name, "Mode s", "Domain example.org", "Selector s", "KeyFile "+key, "Canonicalization "+canonicalization)
	}
	list := []otherMilter{
		signer("signing", "relaxed/simple"), signer("signing-simple", "simple/simple"),
		ms.openDKIM("verifying", "Mode v", "AlwaysAddARHeader yes"), ms.openDMARC(), ms.spamass(), ms.clamav(), ms.python(),
	}
	for _, m := range list {
		ms.await(m.socket)
	}
	return list
}

// await waits until a milter answers at a socket, and lets the mail server use the socket.
func (ms *milters) await(socket string) {
	ms.t.Helper()
	require.Eventually(ms.t, func() bool {
		conn, err := mta.Dial(ms.t.Context(), "unix:"+socket, mta.Config{})
		return err == nil && conn.Quit(ms.t.Context()) == nil
	}, patience, tick, socket)
	require.NoError(ms.t, os.Chmod(socket, 0o666))
}

// run starts a program until the test ends.
func (ms *milters) run(cmd *exec.Cmd) {
	ms.t.Helper()
	ms.t.Cleanup(testproc.Start(ms.t, cmd).Kill)
}

// write writes a file with lines of configuration, and returns its path.
func (ms *milters) write(name string, lines ...string) string {
	ms.t.Helper()
	path := filepath.Join(ms.dir, name)
	require.NoError(ms.t, os.MkdirAll(filepath.Dir(path), 0o750))
	require.NoError(ms.t, os.WriteFile(path, []byte(strings.Join(lines, "\n")+"\n"), 0o600))
	return path
}

func (ms *milters) openDKIM(name string, settings ...string) otherMilter {
	ms.t.Helper()
	m := otherMilter{name: "OpenDKIM, " + name, socket: filepath.Join(ms.dir, name), signs: name != "verifying", count: 100}
	conf := ms.write(name+".conf", append([]string{
		"Socket local:" + m.socket, "AuthservID od.example.net", "RequireSafeKeys no", "Syslog no",
		"InternalHosts 127.0.0.0/8", "Background no", "AutoRestart no",
	}, settings...)...)
	ms.run(exec.Command("/usr/sbin/opendkim", "-f", "-x", conf))
	return m
}

// openDMARC starts an OpenDMARC with policies of its own instead of the DNS.
func (ms *milters) openDMARC() otherMilter {
	ms.t.Helper()
	m := otherMilter{
		name: "OpenDMARC", socket: filepath.Join(ms.dir, "opendmarc"), refuses: true, count: 200,
		from: []string{"example.org", "strict.example", "none.example"},
	}
	resolver := filepath.Join(ms.dir, "dns.so")
	out, err := exec.Command("gcc", "-D_GNU_SOURCE", "-shared", "-fPIC", "-o", resolver, "testdata/opendmarcdns.c").CombinedOutput()
	require.NoError(ms.t, err, string(out))
	conf := ms.write("opendmarc.conf", "Socket local:"+m.socket, "AuthservID od.example.net", "RejectFailures true", "Syslog false")
	cmd := exec.Command("/usr/sbin/opendmarc", "-f", "-c", conf)
	cmd.Env = append(os.Environ(), "LD_PRELOAD="+resolver,
		"DNS_RECORDS=_dmarc.example.org. v=DMARC1; p=none\n_dmarc.strict.example. v=DMARC1; p=reject; adkim=s")
	ms.run(cmd)
	return m
}

// clamav starts a clamav-milter and its clamd, which knows one signature.
func (ms *milters) clamav() otherMilter {
	ms.t.Helper()
	m := otherMilter{name: "clamav-milter", socket: filepath.Join(ms.dir, "clamav"), refuses: true, count: 200}
	daemon := m.socket + "d"
	ms.write("db/test.ndb", fmt.Sprintf("Sluice.Test:0:*:%x", refused))
	clamd := exec.Command("/usr/sbin/clamd", "--config-file="+
		ms.write("clamd.conf", "Foreground yes", "LocalSocket "+daemon, "DatabaseDirectory "+filepath.Join(ms.dir, "db")))
	var out testproc.Buffer
	clamd.Stdout = &out
	ms.run(clamd)
	out.Await(ms.t, "Self checking every", 1) // it listens
	ms.run(exec.Command("/usr/sbin/clamav-milter", "--config-file="+ms.write("clamav.conf",
		"Foreground yes", "MilterSocket unix:"+m.socket, "ClamdSocket unix:"+daemon, "OnInfected Reject", "RejectMsg infected with %v",
		"AddHeader Replace", "ReportHostname mx.example.test")))
	return m
}

// spamass starts a spamass-milter and a stand-in for its spamd.
func (ms *milters) spamass() otherMilter {
	ms.t.Helper()
	m := otherMilter{name: "spamass-milter", socket: filepath.Join(ms.dir, "spamass"), refuses: true, count: 200}
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(ms.t, err)
	serveConns(ms.t, ln, func(conn net.Conn) { _ = standInForSpamd(conn) })
	_, port, err := net.SplitHostPort(ln.Addr().String())
	require.NoError(ms.t, err)
	ms.run(exec.Command("/usr/sbin/spamass-milter", "-p", m.socket, "-r", "15", "--", "-d", "127.0.0.1", "-p", port))
	return m
}

// standInForSpamd answers one request of spamc: a message that contains the text refused has
// a score of 20, one with a long line a score of 6, which is above the threshold of 5.
func standInForSpamd(conn net.Conn) error {
	r := bufio.NewReader(conn)
	size := 0
	for {
		line, err := r.ReadString('\n')
		if err != nil {
			return err
		}
		if line = strings.TrimSpace(line); line == "" {
			break
		}
		_, _ = fmt.Sscanf(line, "Content-length: %d", &size)
	}
	msg := make([]byte, size)
	if _, err := io.ReadFull(r, msg); err != nil {
		return err
	}
	score, verdict, answer := 1.0, "False", "No"
	switch {
	case bytes.Contains(msg, []byte(refused)):
		score, verdict, answer = 20, "True", "Yes"
	case bytes.Contains(msg, []byte(long)):
		score, verdict, answer = 6, "True", "Yes"
	}
	marks := fmt.Sprintf("X-Spam-Status: %s, score=%.1f required=5.0\r\n\ttests=STANDIN\r\nX-Spam-Level: %s\r\n", answer, score, strings.Repeat("*", int(score)))
	if answer == "Yes" {
		marks += "X-Spam-Flag: YES\r\n"
		msg = bytes.Replace(msg, []byte("\nSubject: "), []byte("\nSubject: [SPAM] "), 1)
		msg = append(msg, "\r\nthis is spam\r\n"...)
	}
	_, err := fmt.Fprintf(conn, "SPAMD/1.1 0 EX_OK\r\nContent-length: %d\r\nSpam: %s ; %.1f / 5.0\r\n\r\n%s%s", len(marks)+len(msg), verdict, score, marks, msg)
	return err
}

func (ms *milters) python() otherMilter {
	ms.t.Helper()
	m := otherMilter{name: "pymilter", socket: filepath.Join(ms.dir, "pymilter"), refuses: true, count: 200}
	ms.run(exec.Command("/usr/bin/python3", "testdata/pymilter.py", m.socket))
	return m
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
