//go:build integration

package main_test

import (
	"encoding/base64"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/sluicemail/sluice/examples/clamav/filter"
	"github.com/sluicemail/sluice/framework"
	"github.com/sluicemail/sluice/framework/miltertest/realmta"
	"github.com/sluicemail/sluice/framework/miltertest/testproc"
)

// virus is the text for which the database of startClamd has a signature.
const virus = "SLUICE-TEST-SIGNATURE"

// configuration is for a clamd that listens in a folder and has its database there.
const configuration = `Foreground yes
LocalSocket %[1]s/clamd.sock
TCPAddr 127.0.0.1
TCPSocket %[2]d
DatabaseDirectory %[1]s/db
StreamMaxLength 1M
`

// startClamd starts Debian's clamd with one signature and no network, and returns its
// two addresses.
func startClamd(t *testing.T) (path, address string) {
	t.Helper()
	dir, port := t.TempDir(), freePort(t)
	write := func(name, text string) {
		t.Helper()
		path := filepath.Join(dir, name)
		require.NoError(t, os.MkdirAll(filepath.Dir(path), 0o750))
		require.NoError(t, os.WriteFile(path, []byte(text), 0o600))
	}
	write("db/test.ndb", fmt.Sprintf("Sluice.Test:0:*:%x\n", virus))
	write("clamd.conf", fmt.Sprintf(configuration, dir, port))
	cmd := exec.Command("/usr/sbin/clamd", "--config-file="+filepath.Join(dir, "clamd.conf"))
	var out testproc.Buffer
	cmd.Stdout = &out
	testproc.Start(t, cmd)
	out.Await(t, "Self checking every", 1) // it listens
	return filepath.Join(dir, "clamd.sock"), fmt.Sprintf("127.0.0.1:%d", port)
}

func freePort(t *testing.T) int {
	t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	defer func() { assert.NoError(t, ln.Close()) }()
	return ln.Addr().(*net.TCPAddr).Port
}

// attached returns a message with an attachment in base64, with a field as its first.
func attached(first, content string) []byte {
	return []byte(first + "Subject: attached\r\nMIME-Version: 1.0\r\nContent-Type: multipart/mixed; boundary=b\r\n\r\n" +
		"--b\r\nContent-Type: application/octet-stream\r\nContent-Transfer-Encoding: base64\r\n\r\n" +
		base64.StdEncoding.EncodeToString([]byte(content)) + "\r\n--b--\r\n")
}

// TestBehindPostfix has the real clamd scan mail behind the real Postfix.
func TestBehindPostfix(t *testing.T) {
	t.Parallel()
	path, address := startClamd(t)
	mta := realmta.StartPostfix(t, realmta.PostfixConfig{})
	gate := realmta.OpenGate(t, mta.Listen(t, "unix"))
	mta.SetFilters(t, gate.Addr())
	deliver := func(t *testing.T, f filter.Filter, data []byte) (int, string) {
		t.Helper()
		r := framework.NewRouter()
		r.Mount(f)
		srv, err := framework.NewServer(r, framework.Config{})
		require.NoError(t, err)
		defer func() { assert.NoError(t, srv.Close()) }()
		gate.Serve(srv.ServeConn)
		c := realmta.DialSMTP(t, mta.Addr())
		defer c.Close()
		c.Cmd("EHLO client.example.test")
		return c.Deliver(realmta.Message{From: "ann@example.org", To: []string{"bob@example.test"}, Data: data})
	}
	strict := filter.Filter{Clamd: path, Infected: filter.Reject, TooLarge: filter.Reject}
	large := []byte("Subject: large\r\n\r\n" + strings.Repeat(strings.Repeat("x", 70)+"\r\n", 50_000))

	tests := map[string]struct {
		filter filter.Filter
		data   []byte
		code   int
		text   string // of the reply, or that the delivered message contains
	}{
		"clean":           {strict, attached("", "clean"), 250, "Subject: attached"},
		"in the body":     {strict, []byte("Subject: x\r\n\r\n" + virus + "\r\n"), 550, "5.7.1 virus scan: Sluice.Test.UNOFFICIAL"},
		"in a field":      {strict, []byte("Subject: x\r\nX-Field: " + virus + "\r\n\r\nx\r\n"), 550, "virus scan: Sluice.Test"},
		"attached":        {strict, attached("", virus), 550, "virus scan: Sluice.Test"},
		"an odd field":    {strict, attached("GIF89a: x\r\n", virus), 550, "virus scan: Sluice.Test"},
		"an mbox's line":  {strict, attached("", "\r\n\r\nFrom x\r\n\r\n"+virus), 550, "virus scan: Sluice.Test"},
		"marked":          {filter.Filter{Clamd: path, Infected: filter.Mark}, attached("", virus), 250, "X-Virus-Status: Sluice.Test.UNOFFICIAL"},
		"too large":       {strict, large, 552, "5.3.4 virus scan: too large to scan"},
		"large, accepted": {filter.Filter{Clamd: path, TooLarge: filter.Accept}, large, 250, "Subject: large"},
		"TCP":             {filter.Filter{Clamd: address, Infected: filter.Reject}, attached("", virus), 550, "virus scan: Sluice.Test"},
		"too large, TCP":  {filter.Filter{Clamd: address, TooLarge: filter.Reject}, large, 552, "too large to scan"},
		"no clamd":        {filter.Filter{Clamd: "/nonexistent", Infected: filter.Reject}, attached("", "clean"), 451, "4.3.0"},
	}
	for name, c := range tests { // one after another, because they share a gate
		t.Run(name, func(t *testing.T) {
			code, text := deliver(t, c.filter, c.data)
			assert.Equal(t, c.code, code, text)
			if code == 250 {
				mta.Sink().Await(t, realmta.Containing(c.text))
				return
			}
			assert.Contains(t, text, c.text)
		})
	}
	t.Run("quarantined", func(t *testing.T) {
		code, text := deliver(t, filter.Filter{Clamd: path, Infected: filter.Quarantine}, attached("", virus))
		assert.Equal(t, 250, code, text)
		mta.AwaitLog(t, "virus scan: Sluice.Test.UNOFFICIAL")
		held, err := filepath.Glob(filepath.Join(mta.QueueDir(), "hold", "*"))
		require.NoError(t, err)
		assert.Len(t, held, 1)
	})
}
