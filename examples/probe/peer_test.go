package main_test

import (
	"bufio"
	"crypto/tls"
	"encoding/json"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/sluicemail/sluice/wire"
)

// serveEach serves each connection on a new socket and returns the socket's address.
func serveEach(t *testing.T, serve func(net.Conn)) string {
	t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	t.Cleanup(func() { _ = ln.Close() })
	go func() {
		for {
			conn, err := ln.Accept()
			if err != nil {
				return
			}
			go func() {
				defer func() { _ = conn.Close() }()
				serve(conn)
			}()
		}
	}()
	return "inet:" + ln.Addr().String()
}

// greets sends a text to each client, and then waits for the client to leave.
func greets(text string) func(net.Conn) {
	return func(conn net.Conn) {
		_, _ = io.WriteString(conn, text)
		_, _ = io.Copy(io.Discard, conn)
	}
}

// answersLines sends a text after each line of a client.
func answersLines(text string) func(net.Conn) {
	return func(conn net.Conn) {
		for lines := bufio.NewReader(conn); ; {
			if _, err := lines.ReadString('\n'); err != nil {
				return
			}
			_, _ = io.WriteString(conn, text)
		}
	}
}

// answersTo sends a text after the line with a command.
func answersTo(command, text string) func(net.Conn) {
	return func(conn net.Conn) {
		for lines := bufio.NewReader(conn); ; {
			line, err := lines.ReadString('\n')
			if err != nil {
				return
			}
			if line == command+"\r\n" {
				_, _ = io.WriteString(conn, text)
			}
		}
	}
}

// answersBytes sends a text after the first bytes of a client.
func answersBytes(text string) func(net.Conn) {
	return func(conn net.Conn) {
		_, _ = conn.Read(make([]byte, 100))
		_, _ = io.WriteString(conn, text)
		_, _ = io.Copy(io.Discard, conn)
	}
}

// Probe names what answered instead of a milter.
func TestNamesWhatAnswered(t *testing.T) {
	t.Parallel()
	web := httptest.NewServer(http.NotFoundHandler())
	t.Cleanup(web.Close)
	secure := httptest.NewUnstartedServer(http.NotFoundHandler())
	secure.Config.ErrorLog = slog.NewLogLogger(slog.DiscardHandler, slog.LevelError)
	secure.StartTLS()
	t.Cleanup(secure.Close)
	bare, err := tls.Listen("tcp", "127.0.0.1:0", secure.TLS)
	require.NoError(t, err)
	t.Cleanup(func() { _ = bare.Close() })
	go func() {
		for {
			conn, err := bare.Accept()
			if err != nil {
				return
			}
			go func() { _, _ = io.Copy(io.Discard, conn); _ = conn.Close() }()
		}
	}()
	const alert = "\x15\x03\x03\x00\x02\x02\x0a"
	for name, c := range map[string]struct{ address, want string }{
		"HTTP":                   {"inet:" + web.Listener.Addr().String(), `this is HTTP, which answered "HTTP/1.1 400 Bad Request"`},
		"HTTP, at once":          {serveEach(t, answersBytes("HTTP/1.1 400 Bad Request\r\nServer: x\r\n\r\n")), "this is HTTP"},
		"HTTP, without header":   {serveEach(t, answersBytes("<html>\r\n<head>")), "this is HTTP"},
		"HTTPS":                  {"inet:" + secure.Listener.Addr().String(), "this is TLS"},
		"TLS":                    {"inet:" + bare.Addr().String(), "this is TLS"},
		"TLS, with an alert":     {serveEach(t, answersBytes(alert)), "this is TLS"},
		"SMTP":                   {serveEach(t, greets("220 mx.example.test ESMTP Postfix\r\n")), `this is SMTP, which answered "220 mx.example.test ESMTP Postfix"`},
		"SMTP, in two pieces":    {serveEach(t, func(c net.Conn) { greetSlowly(c, "220-m", "x.example.test ESMTP\r\n220 x\r\n") }), "this is SMTP"},
		"SMTP, too busy":         {serveEach(t, greets("421 4.3.2 too busy\r\n")), "this is SMTP"},
		"SMTP, of a host ftp":    {serveEach(t, greets("220 ftp.example.test SMTP ready\r\n")), "this is SMTP"},
		"a greeting of any kind": {serveEach(t, greets("220 Welcome to ftp.example.test\r\n")), `is no milter: it answered "220 Welcome`},
		"a code of any kind":     {serveEach(t, greets("421 too busy\r\n")), `is no milter: it answered "421 too busy"`},
		"LMTP":                   {serveEach(t, greets("220 mx.example.test LMTP ready\r\n")), "this is LMTP"},
		"NNTP":                   {serveEach(t, greets("200 news.example.test InterNetNews NNRP server ready (posting ok)\r\n")), "this is NNTP"},
		"FTP, in words":          {serveEach(t, greets("220 FTP server ready\r\n")), "this is FTP"},
		"FTP":                    {serveEach(t, greets("220 (vsFTPd 3.0.5)\r\n")), "this is FTP"},
		"SSH":                    {serveEach(t, greets("SSH-2.0-OpenSSH_9.2p1\r\n")), "this is SSH"},
		"IMAP":                   {serveEach(t, greets("* OK [CAPABILITY IMAP4rev1] ready\r\n")), "this is IMAP"},
		"POP3":                   {serveEach(t, greets("+OK ready\r\n")), "this is POP3"},
		"POP3, too busy":         {serveEach(t, greets("-ERR [SYS/TEMP] too many connections\r\n")), `is no milter: it answered "-ERR [SYS/TEMP] too many`},
		"POP3, a wrong command":  {serveEach(t, answersLines("-ERR Unknown command.\r\n")), `is no milter: it answered "-ERR Unknown`},
		"clamd":                  {serveEach(t, answersLines("UNKNOWN COMMAND\n")), "this is clamd"},
		"spamd":                  {serveEach(t, answersLines("SPAMD/1.0 76 Bad header line: x\r\n")), "this is spamd"},
		"Redis":                  {serveEach(t, answersTo("PING", "+PONG\r\n")), "this is Redis"},
		"Redis, garbage":         {serveEach(t, answersLines("-ERR unknown command `x`, with args beginning with: \r\n")), "this is Redis"},
		"memcached":              {serveEach(t, answersTo("version", "ERROR\r\nERROR\r\nVERSION 1.6.18\r\n")), "this is memcached"},
		"only ERROR":             {serveEach(t, answersLines("ERROR\r\n")), `is no milter: it answered "ERROR"`},
		"a policy server":        {serveEach(t, answersLines("action=DUNNO\n\n")), "this is a policy server of Postfix"},
		"MySQL":                  {serveEach(t, greets("\x4a\x00\x00\x00\x0a8.0.36\x00")), "this is MySQL"},
		"something else":         {serveEach(t, greets("hello\x1b[2J \u202eevil\r\n")), `it answered "hello\x1b[2J \u202eevil"`},
		"one byte":               {serveEach(t, greets("\xff")), `it answered "\xff"`},
		"silence":                {serveEach(t, greets("")), "no answer to SMFIC_OPTNEG in time"},
		"a closed connection":    {serveEach(t, func(net.Conn) {}), "filter closed the connection instead of answering SMFIC_OPTNEG"},
		"a milter that refuses":  {serveEach(t, answersBytes("\x00\x00\x00\x01r")), "not an answer to SMFIC_OPTNEG"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := run(t, "", "-timeout", "2s", "-milter", c.address, "testdata/message.eml")
			assert.Equal(t, 1, r.status)
			assert.Contains(t, r.stderr, c.want)
			assert.NotContains(t, r.stderr, "length", "the first bytes are not meant as a length")
			assert.Equal(t, 1, strings.Count(r.stderr, "\n"), r.stderr)
			for _, c := range r.stderr {
				assert.True(t, c == '\n' || c >= ' ' && c < 0x7f, "%q in %q", c, r.stderr)
			}
		})
	}
}

// greetSlowly sends two texts with a pause between them.
func greetSlowly(conn net.Conn, first, second string) {
	_, _ = io.WriteString(conn, first)
	time.Sleep(10 * time.Millisecond)
	greets(second)(conn)
}

// Probe ends at its timeout, whatever the filter sends meanwhile.
func TestProgressWithoutEnd(t *testing.T) {
	t.Parallel()
	progress, err := (&wire.BareReply{Code: wire.RepProgress}).Encode(nil)
	require.NoError(t, err)
	answer, err := (&wire.Negotiate{Version: 6}).Encode(nil)
	require.NoError(t, err)
	for name, pause := range map[string]time.Duration{"seldom": 50 * time.Millisecond, "without a pause": 0} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			address := serveEach(t, func(conn net.Conn) {
				_, _ = conn.Read(make([]byte, 100))
				for _, err := conn.Write(answer); err == nil; _, err = conn.Write(progress) {
					time.Sleep(pause)
				}
			})
			// Without a limit, the test would end by its own deadline.
			r := run(t, "", "-timeout", "2s", "-milter", address, "testdata/message.eml")
			assert.Equal(t, 1, r.status)
			assert.Regexp(t, `no answer to SMFIC_CONNECT in time|a reply that was not due`, r.stderr)
		})
	}
}

// A filter that never stops to modify the message takes little memory, and does not hide
// the error behind its modifications.
func TestManyModifications(t *testing.T) {
	t.Parallel()
	filterOf := func(r wire.Reply, times int) string {
		replies := append(slices.Repeat([]wire.Reply{r}, times), &wire.BareReply{Code: wire.RepContinue})
		f := &filter{negotiate: wire.Negotiate{Version: 6, Actions: wire.KnownActions}}
		f.replies = map[wire.CommandCode][]wire.Reply{wire.CmdBodyEOB: replies}
		return f.start(t)
	}
	added := filterOf(&wire.AddHeader{Name: "X-A", Value: strings.Repeat("v", 1000)}, 10_000)
	r := run(t, "", "-milter", added, "testdata/message.eml")
	assert.Equal(t, 1, r.status)
	assert.Contains(t, r.stderr, "more modifications than the 8388")
	assert.Contains(t, r.stdout, "SMFIR_ADDHEADER")
	assert.Regexp(t, `\n  and \d+ more\n`, r.stdout)
	assert.Less(t, len(r.stdout), 100_000)

	r = run(t, "", "-json", "-milter", added, "testdata/message.eml")
	assert.Equal(t, 1, r.status)
	var report struct{ Modifications []string }
	require.NoError(t, json.Unmarshal([]byte(r.stdout), &report))
	require.Len(t, report.Modifications, 51)
	assert.Regexp(t, `^and \d+ more$`, report.Modifications[50])

	body := filterOf(&wire.ReplaceBody{Chunk: []byte(strings.Repeat("a line\r\n", 8000))}, 150)
	r = run(t, "Subject: x\n\n"+strings.Repeat("a line\n", 200_000), "-milter", body, "-")
	assert.Equal(t, 0, r.status, "a new body that is much larger than the old one: %s", r.stderr)
}

// What a filter sends cannot command a terminal or change the direction of text, in any
// form of the output.
func TestPrintsNoControls(t *testing.T) {
	t.Parallel()
	const evil = "a\x1b[31m\u202eb\u0085\u2066c\u200bd\u00add\x7fe\u2028f\xffg\U000e0041h"
	f := &filter{
		negotiate: wire.Negotiate{
			Version: 6, Actions: wire.KnownActions, Macros: []wire.MacroList{{Stage: wire.MacroEnvFrom, Names: evil}},
		},
		replies: map[wire.CommandCode][]wire.Reply{wire.CmdBodyEOB: {
			&wire.AddHeader{Name: "X-Evil", Value: evil},
			&wire.ReplaceBody{Chunk: []byte(evil + "\r\n")},
			&wire.AddRcpt{Recipient: "<" + evil + "@example.org>"},
			&wire.Quarantine{Reason: evil},
			&wire.BareReply{Code: wire.RepContinue},
		}},
	}
	refusing := &filter{
		negotiate: wire.Negotiate{Version: 6},
		replies:   map[wire.CommandCode][]wire.Reply{wire.CmdMail: {&wire.SMTPReply{Text: "550 5.7.1 " + evil}}},
	}
	for name, address := range map[string]string{"edits": f.start(t), "refusal": refusing.start(t)} {
		for _, format := range [][]string{nil, {"-json"}} {
			args := append(format, "-milter", address, "-from", evil, "-")
			r := run(t, "Subject: "+evil+"\n\n"+evil+"\n", args...)
			assert.Equal(t, 0, r.status, r.stderr)
			for _, c := range r.stdout + r.stderr {
				ok := c == '\n' || c == '\t' || c >= ' ' && c < 0x7f
				assert.True(t, ok, "%s %v: %q in the output", name, format, c)
			}
			if format != nil {
				assert.True(t, json.Valid([]byte(r.stdout)))
				assert.Contains(t, r.stdout, `a\u001b[31m\u202eb\u0085`, "JSON loses nothing")
			}
		}
	}
}
