//go:build integration

package main_test

import (
	"os/exec"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/sluicemail/sluice/framework/miltertest/realmta"
	"github.com/sluicemail/sluice/framework/miltertest/testproc"
)

// TestSampleBehindMTAs sends the corpus through real mail servers and the command with
// the sample. Everything arrives, but for messages with two From fields whose sender is
// not null.
func TestSampleBehindMTAs(t *testing.T) {
	t.Parallel()
	binary := testproc.Build(t, ".")
	all := corpus(t)
	for name, start := range realmta.Each(realmta.Config{}) {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			mta := start(t)
			socket := mta.Listen(t, "unix")
			address := socket.Addr()
			require.NoError(t, socket.Close())
			p := testproc.Start(t, exec.Command(binary, "-config", "headerd.yaml", "-listen", "unix:"+address.String()+"?mode=0666"))
			p.Stderr.Await(t, "msg=serving", 1)
			mta.SetFilters(t, address)
			for i, m := range all {
				to := "m" + strconv.Itoa(i) + "@example.test"
				sender := "bob@example.com"
				if m.sender == "" {
					sender = ""
				}
				c := realmta.DialSMTP(t, mta.Addr())
				code, text := c.Cmd("EHLO client.example.test")
				require.Equal(t, 250, code, text)
				code, text = c.Deliver(realmta.Message{From: sender, To: []string{to}, Data: []byte(strings.ReplaceAll(m.text, "\n", "\r\n"))})
				c.Close()
				if m.kind == "hostile" {
					assert.Equal(t, 550, code, "%s/%s: %s", m.kind, m.name, text)
					continue
				}
				if assert.Equal(t, 250, code, "%s/%s: %s", m.kind, m.name, text) {
					mta.Sink().Await(t, realmta.ToRecipient(to))
				}
			}
		})
	}
}
