//go:build integration

package integration_test

import (
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/sluicemail/sluice/framework/miltertest/realmta"
)

// post sends letters to a puppet over one SMTP connection and checks the
// delivered messages.
type post struct {
	mta    realmta.MTA
	client *realmta.Client
	puppet *puppet
}

// send sends a letter and returns the MTA's reply.
func (p *post) send(t *testing.T, l *letter) (code int, text string) {
	t.Helper()
	p.puppet.expect(l)
	code, text = p.client.Deliver(realmta.Message{
		From: l.id + "@example.org", FromArgs: "BODY=8BITMIME", To: l.rcpts, Data: l.data(),
	})
	if code != 250 {
		c, again := p.client.Cmd("RSET")
		require.Equal(t, 250, c, "%s: %d %s; RSET: %s", l.id, code, text, again)
	}
	return code, text
}

// verdict returns what is wrong with a letter that the MTA has accepted, or "".
func (p *post) verdict(t *testing.T, l *letter) string {
	t.Helper()
	want := l.last().apply()
	if faults := p.puppet.faultsOf(l); len(faults) > 0 {
		return "the filter: " + strings.Join(faults, "; ")
	}
	if want.held {
		return p.held(l)
	}
	got := received(p.mta.Sink().Await(t, realmta.ToRecipient(l.rcpts[0])))
	want.data = string(realmta.Comparable([]byte(want.data)))
	switch {
	case got.data != want.data:
		return "want\n" + clip(want.data) + "\ngot\n" + clip(got.data)
	case got.sender != want.sender || got.senderArgs != want.senderArgs:
		return "want sender " + want.sender + " " + want.senderArgs + ", got " + got.sender + " " + got.senderArgs
	case !slices.Equal(got.rcpts, want.rcpts):
		return "want recipients " + strings.Join(want.rcpts, ", ") + "; got " + strings.Join(got.rcpts, ", ")
	}
	return ""
}

// held searches the quarantine for a message.
func (p *post) held(l *letter) string {
	found := false
	for end := time.Now().Add(time.Minute); !found && time.Now().Before(end); time.Sleep(10 * time.Millisecond) {
		pattern := map[string]string{"postfix": "hold/*", "sendmail": "hf*"}[p.mta.Name()]
		queue := p.mta.(interface{ QueueDir() string }).QueueDir()
		files, err := filepath.Glob(filepath.Join(queue, pattern))
		found = err == nil && slices.ContainsFunc(files, func(file string) bool {
			text, err := os.ReadFile(file)
			return err == nil && regexp.MustCompile(`\b`+l.id+`@example\.test`).Match(text)
		})
	}
	if !found {
		return "it is not in quarantine"
	}
	return ""
}

// received is a delivered message in the form of the model.
func received(d realmta.Delivered) outcome {
	data := string(d.Data)
	if trace := d.Trace(); trace != "" {
		data = strings.Replace(data, trace, "Received: MTA\r\n", 1)
	}
	out := outcome{data: string(realmta.Comparable([]byte(data))), sender: d.From}
	var args []string
	for _, name := range []string{"RET", "ENVID"} {
		if value, ok := d.FromArgs[name]; ok {
			args = append(args, name+"="+value)
		}
	}
	out.senderArgs = strings.Join(args, " ")
	for i, to := range d.To {
		if notify, ok := d.ToArgs[i]["NOTIFY"]; ok {
			to += " NOTIFY=" + notify
		}
		out.rcpts = append(out.rcpts, to)
	}
	slices.Sort(out.rcpts)
	return out
}

// clip returns the lines of a message, cut to a maximum length and number.
func clip(data string) string {
	var b strings.Builder
	for i, line := range strings.Split(data, "\r\n") {
		if i == 40 {
			return b.String() + "  …"
		}
		b.WriteString("  " + quote(line) + "\n")
	}
	return b.String()
}
