package main_test

import (
	"bytes"
	"context"
	"encoding/json"
	"flag"
	"net"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	playground "github.com/sluicemail/sluice/examples/playground"
)

var update = flag.Bool("update", false, "rewrite the golden files")

func golden(t *testing.T, name, got string) {
	t.Helper()
	path := filepath.Join("testdata", name)
	if *update {
		require.NoError(t, os.MkdirAll("testdata", 0o750))
		require.NoError(t, os.WriteFile(path, []byte(got), 0o600))
	}
	want, err := os.ReadFile(path)
	require.NoError(t, err)
	assert.Equal(t, string(want), got)
}

func run(t *testing.T, args ...string) (status int, stdout, stderr string) {
	t.Helper()
	var out, errs bytes.Buffer
	status = playground.Run(t.Context(), playground.NewRouter(), args, &out, &errs)
	return status, out.String(), errs.String()
}

func TestOnceShowsTheSample(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	status, stdout, stderr := run(t, "-once", "-smtp", "127.0.0.1:0", "-maildir", dir)
	assert.Zero(t, status)
	assert.Empty(t, stderr)
	assert.NotContains(t, stdout, "\x1b", "colours are for terminals")
	stdout = strings.ReplaceAll(stdout, dir, "MAILDIR")
	stdout = normal(stdout)
	golden(t, "once.txt", stdout)
	for line := range strings.Lines(stdout) {
		assert.LessOrEqual(t, len([]rune(strings.TrimSuffix(line, "\n"))), 80, line)
	}

	kept := files(t, filepath.Join(dir, "new"))
	require.Len(t, kept, 1)
	text, err := os.ReadFile(kept[0])
	require.NoError(t, err)
	golden(t, "kept.eml", normal(string(text)))
	assert.Empty(t, files(t, filepath.Join(dir, "tmp")))
}

func TestOnceAsJSON(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	status, stdout, stderr := run(t, "-once", "-json", "-smtp", "127.0.0.1:0", "-maildir", dir)
	assert.Zero(t, status)
	assert.Empty(t, stderr)
	assert.Equal(t, 1, strings.Count(stdout, "\n"), "one line for one message")

	var r map[string]any
	require.NoError(t, json.Unmarshal([]byte(stdout), &r))
	assert.Equal(t, "accepted", r["verdict"])
	assert.Equal(t, "<alice@example.com>", r["from"])
	assert.Equal(t, "client.example", r["helo"])
	assert.Equal(t, []any{
		map[string]any{"address": "<bob@example.test>", "accepted": true},
		map[string]any{
			"address": "<nobody@example.test>", "accepted": false, "reply": []any{"550 5.1.1 nobody lives here"},
		},
		map[string]any{"address": "<carol@example.test>", "accepted": true},
	}, r["recipients"])
	assert.Equal(t, []any{
		`SMFIR_CHGHEADER 1 "Subject" "[suspicious attachment] Your invoice"`,
		`SMFIR_ADDHEADER "X-Client-Address" "127.0.0.1"`,
	}, r["modifications"])
	assert.Contains(t, r["stages"], map[string]any{
		"stage": "Rcpt", "about": "<nobody@example.test>", "origin": "answered", "reply": "SMFIR_REPLYCODE",
		"smtp": []any{"550 5.1.1 nobody lives here"},
	})
	assert.Contains(t, r["stages"], map[string]any{"stage": "Header", "about": "Subject", "origin": "no reply"})

	n, ok := r["negotiation"].(map[string]any)
	require.True(t, ok)
	assert.EqualValues(t, 6, n["version"])
	assert.Equal(t, []any{"SMFIF_ADDHDRS", "SMFIF_CHGHDRS", "SMFIF_SETSYMLIST"}, n["actions"])
	assert.Contains(t, n["protocol"], "SMFIP_NR_HDR")
	assert.NotEmpty(t, n["reasons"])

	hunk, ok := r["diff"].([]any)[0].(map[string]any)
	require.True(t, ok)
	assert.Equal(t, "header", hunk["part"])
	assert.Contains(t, hunk["lines"], "+X-Client-Address: 127.0.0.1")
	assert.FileExists(t, r["file"].(string))
}

func TestAMaildirOfItsOwn(t *testing.T) {
	t.Setenv("TMPDIR", t.TempDir()) // so the test cannot run in parallel
	status, stdout, stderr := run(t, "-once", "-smtp", "127.0.0.1:0")
	require.Zero(t, status, stderr)
	named := regexp.MustCompile(`Maildir +(\S+)`).FindStringSubmatch(stdout)
	require.NotNil(t, named)
	assert.Equal(t, os.Getenv("TMPDIR"), filepath.Dir(named[1]))
	assert.Empty(t, files(t, os.Getenv("TMPDIR")), "nothing is left behind")

	_, stdout, _ = run(t, "-once", "-keep", "-smtp", "127.0.0.1:0")
	named = regexp.MustCompile(`Maildir +(\S+)`).FindStringSubmatch(stdout)
	require.NotNil(t, named)
	assert.Len(t, files(t, filepath.Join(named[1], "new")), 1, "it stays to be looked at")
}

func TestServesUntilItIsTold(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	out := &watched{want: regexp.MustCompile(`swaks --server (\S+)`), found: make(chan string, 1)}
	status := make(chan int)
	go func() {
		status <- playground.Run(ctx, playground.NewRouter(),
			[]string{"-smtp", "127.0.0.1:0", "-maildir", t.TempDir()}, out, out)
	}()
	c := dial(t, <-out.found)
	assert.Contains(t, c.say("EHLO me.example"), "SMTPUTF8")
	assert.Contains(t, c.send("Subject: hello\n\nhello\n", "bob@example.test"), "250 ")
	assert.Contains(t, out.String(), "of <a@example.com> from")
	assert.Equal(t, 1, strings.Count(out.String(), "Negotiated"), "it is shown once")

	assert.Contains(t, c.say("MAIL FROM:<a@example.com>"), "250 ")
	cancel() // in the middle of a client's message
	assert.Zero(t, <-status)
	assert.Contains(t, out.String(), "abandoned")
}

func TestWrongArguments(t *testing.T) {
	t.Parallel()
	for name, args := range map[string][]string{
		"unknown flag":       {"-colour"},
		"unknown format":     {"-explain", "xml"},
		"unknown log format": {"-log-format", "xml"},
		"unknown log level":  {"-log-level", "loud"},
		"no port":            {"-smtp", "127.0.0.1"},
		"an argument":        {"-once", "message.eml"},
		"a value is missing": {"-maildir"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			status, stdout, stderr := run(t, args...)
			assert.Equal(t, 2, status)
			assert.Empty(t, stdout)
			assert.Equal(t, 1, strings.Count(stderr, "\n"), stderr)
			assert.True(t, strings.HasPrefix(stderr, "playground: "), stderr)
		})
	}
}

func TestCannotServe(t *testing.T) {
	t.Parallel()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	defer func() { _ = ln.Close() }()
	taken := ln.Addr().String()
	file := filepath.Join(t.TempDir(), "file")
	require.NoError(t, os.WriteFile(file, nil, 0o600))
	mistaken := playground.NewRouter()
	mistaken.OnMail(nil)

	tests := map[string]struct {
		args  []string
		wrong bool
		says  string
	}{
		"port taken":      {[]string{"-smtp", taken}, false, taken + " is in use: choose another with -smtp"},
		"not our address": {[]string{"-smtp", "192.0.2.1:0"}, false, "192.0.2.1"},
		"no Maildir":      {[]string{"-smtp", "127.0.0.1:0", "-maildir", file}, false, "open Maildir: "},
		"a mistake":       {[]string{"-smtp", "127.0.0.1:0", "-maildir", t.TempDir()}, true, "OnMail without a handler"},
		"not explained":   {[]string{"-explain", "text"}, true, "OnMail without a handler"},
	}
	for name, c := range tests {
		t.Run(name, func(t *testing.T) {
			r := playground.NewRouter()
			if c.wrong {
				r = mistaken
			}
			var stdout, stderr bytes.Buffer
			status := playground.Run(t.Context(), r, append(c.args, "-once"), &stdout, &stderr)
			assert.Equal(t, 1, status)
			assert.Empty(t, stdout.String())
			assert.Equal(t, 1, strings.Count(stderr.String(), "\n"), stderr.String())
			assert.Contains(t, stderr.String(), c.says)
		})
	}
}

func TestExplain(t *testing.T) {
	t.Parallel()
	status, stdout, _ := run(t, "-explain", "text")
	assert.Zero(t, status)
	assert.Regexp(t, `\+\s+SMFIF_ADDHDRS\s+GrantAddHeader by stamper at filter/filters.go:`, stdout)
	status, stdout, _ = run(t, "-explain", "json")
	assert.Zero(t, status)
	assert.True(t, json.Valid([]byte(stdout)))
}

func TestVersion(t *testing.T) {
	t.Parallel()
	status, stdout, stderr := run(t, "-version", "-log-format", "json")
	assert.Equal(t, 0, status, stderr)
	assert.Contains(t, stdout, "playground ")
}
