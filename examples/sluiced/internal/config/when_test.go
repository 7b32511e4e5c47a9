package config_test

import (
	"log/slog"
	"net/netip"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/sluicemail/sluice/examples/sluiced/internal/config"
	"github.com/sluicemail/sluice/examples/sluiced/internal/trial"
	"github.com/sluicemail/sluice/framework"
)

// router returns a router with the filters of a file.
func router(t *testing.T, text string) *framework.Router {
	t.Helper()
	f, err := must(t, folder(t), text).Build(config.Hooks{})
	require.NoError(t, err)
	r := framework.NewRouter()
	r.Mount(f)
	return r
}

// send runs a message through a router. mail names the client, the login, the sender and the
// recipient.
func send(t *testing.T, r *framework.Router, mail string) *trial.Result {
	t.Helper()
	parts := strings.Fields(mail)
	msg := trial.Message{
		Client: netip.MustParseAddr(parts[0]), From: parts[2], Rcpts: []string{parts[3]},
		Text: strings.NewReader("From: ann@example.org\nSubject: hello\n\nbody\n"),
	}
	if parts[1] != "-" {
		msg.Macros = map[string]string{"auth_authen": parts[1]}
	}
	result, err := trial.Run(t.Context(), r, trial.Config{Server: framework.Config{Logger: slog.New(slog.DiscardHandler)}}, msg)
	require.NoError(t, err)
	return result
}

// A filter sees the messages that its condition selects.
func TestWhen(t *testing.T) {
	t.Parallel()
	const mail = "192.0.2.7 - ann@example.org bob@example.net"
	for name, c := range map[string]struct {
		when, mail string
		runs       bool
	}{
		"client":            {"clients: [192.0.2.0/24]", mail, true},
		"another client":    {"clients: [192.0.3.0/24]", mail, false},
		"login":             {"authenticated: true", "192.0.2.7 ann ann@example.org bob@example.net", true},
		"no login":          {"authenticated: true", mail, false},
		"not with a login":  {"authenticated: false", mail, true},
		"sender":            {"senders: [example.org]", mail, true},
		"another sender":    {"senders: [.example.org]", mail, false},
		"bounce":            {"senders: ['']", "192.0.2.7 - <> bob@example.net", true},
		"recipient":         {"recipients: [example.net]", mail, true},
		"another recipient": {"recipients: [example.org]", mail, false},
		"all mail":          {"share: 1", mail, true},
		"no mail":           {"share: {of: 0, by: sender}", mail, false},
		"both":              {"clients: [192.0.2.7], senders: [example.org]", mail, true},
		"one of both":       {"clients: [192.0.2.7], senders: [example.com]", mail, false},
		"any":               {"any: [{clients: [192.0.2.8]}, {senders: [example.org]}]", mail, true},
		"none of any":       {"any: [{clients: [192.0.2.8]}, {senders: [example.com]}]", mail, false},
		"all":               {"all: [{clients: [192.0.2.7]}, {senders: [example.org]}]", mail, true},
		"not":               {"not: {clients: [192.0.2.7]}", mail, false},
		"not another":       {"not: {clients: [192.0.2.8]}", mail, true},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := router(t, "filters: [{when: {"+c.when+"}, headers: {rules: [{do: [{add: {name: X, value: '1'}}]}]}}]\n")
			assert.Equal(t, c.runs, len(send(t, r, c.mail).Edits.Added) == 1)
			r = router(t, "middleware: [{when: {"+c.when+"}}]\nfilters: [{headers: {rules: [{do: [{add: {name: X, value: '1'}}]}]}}]\n")
			assert.Equal(t, c.runs, len(send(t, r, c.mail).Edits.Added) == 1, "around all filters")
		})
	}
}

// Limits count a message once, however many filters there are.
func TestLimits(t *testing.T) {
	t.Parallel()
	const filters = "filters: [{headers: {rules: [{do: [{add: {name: X, value: '1'}}]}]}}, {name: b, headers: {rules: [{do: [{add: {name: Y, value: '1'}}]}]}}]\n"
	for name, c := range map[string]struct {
		limit string
		sends []string // client, login, sender, recipient and the reply
	}{
		"client": {"{rate_limit: {rate: 2/1h, by: client}}", []string{
			"192.0.2.1 - a@a.example b@b.example accept", "192.0.2.1 - a@a.example b@b.example accept",
			"192.0.2.1 - a@a.example b@b.example tempfail", "192.0.2.2 - a@a.example b@b.example accept",
		}},
		"user": {"{rate_limit: {rate: 1/1h, by: user, over: 550 5.7.1 enough}}", []string{
			"192.0.2.1 ann a@a.example b@b.example accept", "192.0.2.2 ann a@a.example b@b.example reject",
			"192.0.2.1 cy a@a.example b@b.example accept", "192.0.2.1 - a@a.example b@b.example accept",
		}},
		"recipient": {"{rate_limit: {rate: 1/1h, by: recipient, over: reject}}", []string{
			"192.0.2.1 - a@a.example b@b.example accept", "192.0.2.1 - a@a.example b@b.example reject",
			"192.0.2.1 - a@a.example c@b.example accept",
		}},
		"messages": {"{max_messages: {max: 1}}", []string{
			"192.0.2.1 - a@a.example b@b.example accept", "192.0.2.1 - a@a.example b@b.example accept",
		}},
		"a dry run": {"dry_run", []string{"192.0.2.1 - a@a.example b@b.example accept"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := router(t, "middleware: ["+c.limit+"]\n"+filters)
			for i, mail := range c.sends {
				result := send(t, r, mail)
				assert.Equal(t, mail[strings.LastIndex(mail, " ")+1:], string(result.Action), "message %d: %s", i+1, result.Reply)
				if name == "a dry run" {
					assert.Empty(t, result.Edits.Added)
				}
			}
		})
	}
}

// What happens to mail if a filter fails.
func TestFail(t *testing.T) {
	t.Parallel()
	const away = "remote: {addresses: ['inet:1@127.0.0.1'], if_away: start}"
	for fail, want := range map[string]string{
		"": "451 4.3.0 mail filter failed, try again later", "fail: closed, ": "451 4.3.0 mail filter failed, try again later",
		"fail: open, ": "", "fail: 421 4.3.2 later, ": "421 4.3.2 later",
	} {
		r := router(t, "filters: [{"+fail+away+"}]\n")
		result := send(t, r, "192.0.2.1 - a@a.example b@b.example")
		assert.Equal(t, want, result.Reply.String(), fail)
	}
}
