package main_test

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"net/textproto"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	playground "github.com/sluicemail/sluice/examples/playground"
	"github.com/sluicemail/sluice/framework"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// patience is the timeout for what happens at once unless the machine is busy.
const patience = time.Minute

// site is a running playground.
type site struct {
	address, maildir string
	reports          reports
	stop             context.CancelFunc
	status           chan int
}

// start runs a playground with the given router until the end of the test. It
// returns after the playground has sent its sample.
func start(t *testing.T, r *framework.Router) *site {
	t.Helper()
	s := &site{maildir: t.TempDir(), reports: make(reports, 10), status: make(chan int, 1)}
	var ctx context.Context
	ctx, s.stop = context.WithCancel(t.Context())
	log := &watched{want: regexp.MustCompile(`smtp=(\S+)`), found: make(chan string, 1)}
	args := []string{"-json", "-smtp", "127.0.0.1:0", "-maildir", s.maildir, "-log-level", "info"}
	go func() { s.status <- playground.Run(ctx, r, args, s.reports, log) }()
	select {
	case s.address = <-log.found:
	case <-time.After(patience):
		require.Fail(t, "nothing is served", log.String())
	}
	t.Cleanup(func() { s.end(t) })
	s.next(t)
	s.empty(t)
	return s
}

// end stops the playground and waits until it has ended.
func (s *site) end(t *testing.T) {
	t.Helper()
	s.stop()
	select {
	case status := <-s.status:
		assert.Zero(t, status)
		s.status <- status
	case <-time.After(patience):
		assert.Fail(t, "the playground does not end")
	}
}

// next returns the next report.
func (s *site) next(t *testing.T) playground.Report {
	t.Helper()
	select {
	case r := <-s.reports:
		return r
	case <-time.After(patience):
		require.Fail(t, "no report")
		return playground.Report{}
	}
}

// kept returns the messages in a folder of the Maildir, oldest first.
func (s *site) kept(t *testing.T, folder string) []string {
	t.Helper()
	assert.Empty(t, files(t, filepath.Join(s.maildir, folder, "tmp")))
	var list []string
	for _, path := range files(t, filepath.Join(s.maildir, folder, "new")) {
		text, err := os.ReadFile(path)
		require.NoError(t, err)
		list = append(list, normal(string(text)))
	}
	return list
}

// empty deletes all stored messages.
func (s *site) empty(t *testing.T) {
	t.Helper()
	for _, folder := range []string{"", ".Quarantine"} {
		for _, path := range files(t, filepath.Join(s.maildir, folder, "new")) {
			require.NoError(t, os.Remove(path))
		}
	}
}

func files(t *testing.T, dir string) []string {
	t.Helper()
	paths, err := filepath.Glob(filepath.Join(dir, "*"))
	require.NoError(t, err)
	return paths
}

// normal replaces the parts of a text that differ from run to run.
func normal(text string) string {
	for _, r := range [][2]string{
		{`\w{3}, \d\d \w{3} \d{4} \d\d:\d\d:\d\d [+-]\d{4}`, "DATE"},
		{`(Message|ESMTP id) [0-9A-Z]{10}`, "$1 ID"},
		{`127\.0\.0\.1:\d+`, "127.0.0.1:PORT"},
		{`\d+\.M\d+P\d+Q(\d+)\.\S+`, "UNIQUE"},
	} {
		text = regexp.MustCompile(r[0]).ReplaceAllString(text, r[1])
	}
	return text
}

// client is an SMTP client that returns each reply as it was sent.
type client struct {
	*textproto.Conn
	t *testing.T
}

// dial connects and reads the greeting.
func dial(t *testing.T, address string) *client {
	t.Helper()
	conn, err := textproto.Dial("tcp", address)
	require.NoError(t, err)
	t.Cleanup(func() { _ = conn.Close() })
	c := &client{conn, t}
	assert.Contains(t, c.reply(), "220 ")
	return c
}

// say sends a command and returns the reply.
func (c *client) say(line string) string {
	c.t.Helper()
	require.NoError(c.t, c.PrintfLine("%s", line))
	return c.reply()
}

// reply reads a reply and returns its lines, separated by LF.
func (c *client) reply() string {
	c.t.Helper()
	var lines []string
	for {
		line, err := c.ReadLine()
		require.NoError(c.t, err)
		lines = append(lines, line)
		if len(line) < 4 || line[3] != '-' {
			return strings.Join(lines, "\n")
		}
	}
}

// chunk sends a part of a message with BDAT and returns the reply.
func (c *client) chunk(data, last string) string {
	c.t.Helper()
	_, err := fmt.Fprintf(c.W, "BDAT %d%s\r\n%s", len(data), last, data)
	require.NoError(c.t, err)
	require.NoError(c.t, c.W.Flush())
	return c.reply()
}

// content sends DATA and a message with LF line ends, and returns the reply.
func (c *client) content(text string) string {
	c.t.Helper()
	if reply := c.say("DATA"); !strings.HasPrefix(reply, "354") {
		return reply
	}
	w := c.DotWriter()
	_, err := w.Write([]byte(text))
	require.NoError(c.t, err)
	require.NoError(c.t, w.Close())
	return c.reply()
}

// send sends a message to recipients. It returns the first reply that is a
// refusal, or the reply to the content.
func (c *client) send(text string, rcpts ...string) string {
	c.t.Helper()
	lines := []string{"MAIL FROM:<a@example.com>"}
	for _, rcpt := range rcpts {
		lines = append(lines, "RCPT TO:<"+rcpt+">")
	}
	for _, line := range lines {
		if reply := c.say(line); reply[0] != '2' {
			return reply
		}
	}
	return c.content(text)
}

// reports is a writer for the output of -json, which has a report in every
// write.
type reports chan playground.Report

func (c reports) Write(p []byte) (int, error) {
	var r playground.Report
	if err := json.Unmarshal(p, &r); err != nil {
		return 0, err
	}
	c <- r
	return len(p), nil
}

// watched is a buffer that sends the first match of a pattern to a channel.
type watched struct {
	mu    sync.Mutex
	text  bytes.Buffer
	want  *regexp.Regexp
	found chan string
	told  bool
}

func (w *watched) Write(p []byte) (int, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.text.Write(p)
	if m := w.want.FindStringSubmatch(w.text.String()); m != nil && !w.told {
		w.told = true
		w.found <- m[1]
	}
	return len(p), nil
}

func (w *watched) String() string {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.text.String()
}

// breakMaildir removes the folder in which deliveries begin.
func (s *site) breakMaildir(t *testing.T) {
	t.Helper()
	require.NoError(t, os.Remove(filepath.Join(s.maildir, "tmp")))
}
