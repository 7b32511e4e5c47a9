//go:build integration

package main_test

import (
	"errors"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/sluicemail/sluice/framework/miltertest/testproc"
	"github.com/sluicemail/sluice/wire/mta"
)

// TestOpenDKIMDoesTheSame shows that OpenDKIM, with the configuration on the
// page, signs the same mail.
func TestOpenDKIMDoesTheSame(t *testing.T) {
	t.Parallel()
	dir := moved(t)
	free, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	_, port, _ := net.SplitHostPort(free.Addr().String())
	require.NoError(t, free.Close())
	address := "inet:" + port + "@127.0.0.1"

	// OpenDKIM refuses keys below a directory that all users can write to,
	// and the test's directory is below one.
	conf, err := os.OpenFile(filepath.Join(dir, "opendkim.conf"), os.O_APPEND|os.O_WRONLY, 0)
	require.NoError(t, err)
	_, err = conf.WriteString("RequireSafeKeys no\n")
	require.NoError(t, errors.Join(err, conf.Close()))

	cmd := exec.Command("/usr/sbin/opendkim", "-f", "-p", address, "-x", filepath.Join(dir, "opendkim.conf"))
	cmd.Stderr = os.Stderr
	testproc.Start(t, cmd)
	var conn *mta.Conn
	require.Eventually(t, func() bool {
		conn, err = mta.Dial(t.Context(), address, mta.Config{})
		return err == nil
	}, time.Minute, 20*time.Millisecond)
	for from, want := range senders() {
		out, err := conn.Send(t.Context(), &mta.Message{
			Client: mta.Client{Host: "localhost", Addr: "127.0.0.1"}, Recipients: []mta.Recipient{{Addr: "<bob@example.net>"}},
			Header: []mta.Field{{Name: "From", Value: " " + from}, {Name: "Date", Value: " Wed, 4 Mar 2026 05:06:07 +0000"}},
			Body:   []byte("x\r\n"),
		})
		require.NoError(t, err)
		require.NotNil(t, out.Edited, "%s: %v", from, out.Verdict)
		var value string
		for _, h := range out.Edited.Header {
			if h.Name == "DKIM-Signature" {
				value = h.Value
			}
		}
		assert.Equal(t, want, signedBy(value), from)
	}
	_ = conn.Close()
}
