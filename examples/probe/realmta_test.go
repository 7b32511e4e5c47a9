//go:build integration

package main_test

import (
	"net"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/sluicemail/sluice/examples/internal/recorder"
	"github.com/sluicemail/sluice/framework"
	"github.com/sluicemail/sluice/framework/miltertest/realmta"
)

// Probe shows a filter what the servers show it, of messages that servers change.
func TestAsRealServers(t *testing.T) {
	t.Parallel()
	for name, start := range realmta.Each(realmta.Config{}) {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			server := start(t)
			ln, seen := server.Listen(t, "tcp"), make(chan string, 1)
			realmta.Serve(t, ln, recorder.New(seen), framework.Config{})
			server.SetFilters(t, ln.Addr())
			smtp := run(t, "", "-milter", "inet:"+server.Addr(), "testdata/message.eml")
			greeting, newer := "220 ", server.Name() == "postfix" && realmta.AtLeast(server, "3.10")
			if newer { // such a Postfix refuses what comes before its greeting
				greeting = "554 5.5.0 Error: SMTP protocol synchronization"
			}
			assert.Contains(t, smtp.stderr, `this is SMTP, which answered "`+greeting)
			client := realmta.DialSMTP(t, server.Addr())
			code, _ := client.Cmd("EHLO client.example.test")
			require.Equal(t, 250, code)
			for name, text := range changed() {
				if server.Name() == "sendmail" && refusedBySendmail(text) {
					continue
				}
				code, reply := client.Deliver(realmta.Message{From: "a@example.org", To: []string{"b@example.test"}, Data: []byte(text)})
				require.Equal(t, 250, code, "%s: %s", name, reply)
				shown := <-seen
				if name == "two From lines" && newer { // probe does as Postfix 3.7
					assert.Equal(t, `"X-Mailbox-Line":"From a"`+"\n"+strconv.Quote(">>From b\r\n"+changed()["nothing to change"]), shown)
					continue
				}
				assert.Equal(t, shown, probed(t, server.Name(), ln.Addr(), text, seen), name)
			}
		})
	}
}

// refusedBySendmail reports whether Sendmail refuses a message: because of a CR or LF that
// is not part of a line end, or because its header is too large.
func refusedBySendmail(text string) bool {
	header, _, _ := strings.Cut(text, "\r\n\r\n")
	return len(header) > 32_768 || strings.ContainsAny(strings.ReplaceAll(text, "\r\n", ""), "\r\n")
}

// probed returns what probe shows the filter of a message.
func probed(t *testing.T, flavor string, addr net.Addr, text string, seen <-chan string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "message.eml")
	require.NoError(t, os.WriteFile(path, []byte(text), 0o600))
	r := run(t, "", "-milter", "inet:"+addr.String(), "-mta", flavor, "-from", "a@example.org", "-rcpt", "b@example.test", path)
	require.Zero(t, r.status, r.stderr)
	return <-seen
}

// changed returns messages that a server shows to filters other than they came.
func changed() map[string]string {
	const rest = "From: a@example.org\r\nSubject: x\r\n\r\nbody\r\n"
	return map[string]string{
		"nothing to change":         rest,
		"Return-Path":               "Return-Path: <x@example.net>\r\n" + rest,
		"return-path, twice":        "return-path: <x@example.net>\r\nA: b\r\nRETURN-PATH : y\r\n" + rest,
		"Bcc":                       "Bcc: c@example.org,\r\n d@example.org\r\nA: b\r\n" + rest,
		"Resent-Bcc":                "Resent-Bcc: c@example.org\r\nResent-From: d@example.org\r\n" + rest,
		"Content-Length":            "A: b\r\nContent-Length: 5\r\n" + rest,
		"others that stay":          "Return-Receipt-To: a@example.org\r\nX-Bcc: b\r\nDelivered-To: c\r\nErrors-To: d\r\nLines: 2\r\nStatus: RO\r\n" + rest,
		"without white space":       "Bcc:c@example.org\r\nA:b\r\n" + rest,
		"From line":                 "From a@example.org Thu Jan  1 00:00:00 2026\r\n" + rest,
		"quoted From line":          ">From a@example.org Thu Jan  1 00:00:00 2026\r\n" + rest,
		"two From lines":            "From a\r\n>>From b\r\n" + rest,
		"From line later":           "A: b\r\nFrom c Thu\r\n" + rest,
		"From line in the body":     "A: b\r\n\r\nFrom c Thu\r\n",
		"From without a space":      "From\r\n" + rest,
		"From line, empty after it": "From a\r\n\r\nbody\r\n",
		"begins with a space":       " folded\r\n" + rest,
		"begins with a tab":         "\t\r\n" + rest,
		"begins empty":              "\r\n" + rest,
		"no header":                 "no field\r\n\r\nbody\r\n",
		"no empty line":             "A: b\r\nno field\r\n" + rest,
		"white space before colon":  "A : b\r\nBcc\t: c\r\n" + rest,
		"only header":               "A: b\r\n",
		"folded with a tab":         "A: b\r\n\tc\r\n  d\r\n" + rest,
		"white space at line ends":  "A: b \t\r\n" + rest,
		"empty values":              "A:\r\nB: \r\n" + rest,
		"a line of white space":     "A: b\r\n \t\r\n c\r\n" + rest,
		"CR in a field":             "A: b\rc\r\n" + rest,
		"CR in the body":            rest + "a\rb\r\n\rc\r\n",
		"LF alone":                  "A: b\nC: d\r\n\r\na\nb\r\n",
		"NUL in the body":           rest + "a\x00b\r\n",
		"CR CR LF":                  "A: b\r\r\nC: d\r\r\n\r\r\nbody\r\r\n",
		"8 bit":                     "Subject: \xe4\r\n" + rest,
		"long line":                 "A: " + strings.Repeat("x", 3000) + "\r\n\r\n" + strings.Repeat("y", 5000) + "\r\n",
		"CR at the start of a line": "A: b\r\n\rC: d\r\n\rBcc: e\r\n" + rest,
		"CR in a name":              "A\rB: c\r\n" + rest,
		"very long field":           "A: " + strings.Repeat("x", 110_000) + "\r\n" + rest,
		"very long, folded":         "A: " + strings.Repeat(strings.Repeat("x", 100)+"\r\n ", 1100) + "y\r\n" + rest,
		"field name alone":          ": b\r\n" + rest,
		"dots":                      "A: b\r\n\r\n.\r\n..\r\n",
	}
}
