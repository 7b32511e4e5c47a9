//go:build integration

package integration_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/sluicemail/sluice/framework/miltertest/realmta"
)

// session is an SMTP session with two messages over one connection. The first
// message has two recipients.
type session struct {
	id    string
	data  string
	told  []string // what the client did not hope for
	ended bool
	sent  []string // the recipients of messages that were taken
}

// talk runs a session as far as the MTA allows, optionally with an unknown
// command. It doubles a dot at the start of a line of data.
func talk(t *testing.T, mta realmta.MTA, id, data string, unknown bool) *session {
	t.Helper()
	s := &session{id: id, data: data}
	c := realmta.DialSMTP(t, mta.Addr())
	defer c.Close()
	code, text := c.Greeting()
	if !s.hears("greeting", 220, code, text) {
		return s
	}
	ok := func(command string, want int) bool {
		if s.ended {
			return false
		}
		verb, _, _ := strings.Cut(command, " ")
		code, text := c.Cmd(command)
		return s.hears(verb, want, code, text)
	}
	ok("EHLO client.example.test", 250)
	if unknown {
		ok("NONSENSE", 500)
	}
	for _, message := range [][]string{{s.first(), s.second()}, {s.third()}} {
		s.message(c, ok, message)
		ok("RSET", 250)
	}
	ok("QUIT", 221)
	return s
}

func (s *session) first() string  { return "first." + s.id + "@example.test" }
func (s *session) second() string { return "second." + s.id + "@example.test" }
func (s *session) third() string  { return "third." + s.id + "@example.test" }

func (s *session) message(c *realmta.Client, ok func(string, int) bool, to []string) {
	if !ok("MAIL FROM:<sender@example.org>", 250) {
		return
	}
	taken := slices.DeleteFunc(slices.Clone(to), func(addr string) bool { return !ok("RCPT TO:<"+addr+">", 250) })
	if len(taken) == 0 || !ok("DATA", 354) {
		return
	}
	if err := c.Send([]byte(s.data + ".\r\n")); err != nil {
		s.ended = true
		return
	}
	if code, text := c.Reply(); s.hears("message", 250, code, text) {
		s.sent = append(s.sent, taken...)
	}
}

// hears records a reply that differs from the desired one.
func (s *session) hears(what string, want, code int, text string) bool {
	if code == want {
		return true
	}
	line := fmt.Sprintf("%s: %d %s", what, code, strings.ReplaceAll(text, "\n", " / "))
	if s.ended = code == 0 || code == 421; code == 0 {
		line = what + ": closed"
	}
	line = strings.ReplaceAll(strings.ReplaceAll(line, s.first(), "…"), "|", "\\|")
	s.told = append(s.told, line)
	return false
}

// cell describes the replies to the client, and which accepted messages were
// not delivered.
func (s *session) cell(arrived []realmta.Delivered) string {
	var there []string
	for _, d := range arrived {
		there = append(there, d.To...)
	}
	var parts []string
	for i, line := range s.told {
		switch {
		case i > 0 && s.told[i-1] == line:
			parts[len(parts)-1] = "twice `" + line + "`"
		default:
			parts = append(parts, "`"+line+"`")
		}
	}
	for _, to := range s.sent {
		if !slices.Contains(there, to) {
			which, _, _ := strings.Cut(to, ".")
			parts = append(parts, which+" dropped")
		}
	}
	var got []string
	for _, to := range []string{s.first(), s.second(), s.third()} {
		if slices.Contains(there, to) {
			which, _, _ := strings.Cut(to, ".")
			got = append(got, which)
		}
	}
	switch len(got) {
	case 0:
		parts = append(parts, "nothing delivered")
	case 3:
		parts = append(parts, "all delivered")
	default:
		parts = append(parts, strings.Join(got, " and ")+" delivered")
	}
	return strings.Join(parts, "; ")
}
