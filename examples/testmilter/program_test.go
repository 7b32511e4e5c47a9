package main_test

import (
	"bytes"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	main "github.com/sluicemail/sluice/examples/testmilter"
	"github.com/sluicemail/sluice/framework/miltertest"
	"github.com/sluicemail/sluice/wire/mta"
)

func run(args ...string) (status int, stdout, stderr string) {
	var out, errs bytes.Buffer
	status = main.Run(args, &out, &errs)
	return status, out.String(), errs.String()
}

func TestHelpFitsAScreen(t *testing.T) {
	t.Parallel()
	for _, args := range [][]string{{"-help"}, {"-a", "reject", "--help"}} {
		status, stdout, stderr := run(args...)
		assert.Zero(t, status)
		assert.Empty(t, stderr)
		assert.LessOrEqual(t, strings.Count(stdout, "\n"), 24)
		for flag := range strings.SplitSeq("aAbcCDfhilmMnNprv", "") {
			assert.Contains(t, stdout, " -"+flag+" ", "all flags are named")
		}
		for line := range strings.Lines(stdout) {
			assert.LessOrEqual(t, len(line), 80, line)
		}
	}
}

func TestVersion(t *testing.T) {
	t.Parallel()
	status, stdout, _ := run("-version")
	assert.Zero(t, status)
	assert.Regexp(t, `^testmilter \S+ go1\.\S+\n$`, stdout)
}

func TestWrongFlags(t *testing.T) {
	t.Parallel()
	tests := map[string]struct {
		args []string
		says string
	}{
		"unknown flag":             {[]string{"-z"}, "-z"},
		"an argument":              {[]string{"here"}, `"here"`},
		"no such stage":            {[]string{"-c", "envrcpt"}, `-c: "envrcpt" is not a stage`},
		"no such action":           {[]string{"-a", "quarantine"}, "-a: want accept, tempfail"},
		"a code that is none":      {[]string{"-a", "250 2.0.0 fine"}, "neither 4yz nor 5yz"},
		"a status of other class":  {[]string{"-a", "550 4.7.1 no"}, "does not match code 550"},
		"skip at the wrong stage":  {[]string{"-a", "skip", "-c", "header"}, "skip needs -c body"},
		"discard without message":  {[]string{"-a", "discard"}, "there is none"},
		"an answer that is unsent": {[]string{"-a", "reject", "-c", "helo", "-n", "helo"}, "disables the reply"},
		"an answer not awaited":    {[]string{"-a", "reject", "-c", "rcpt", "-N", "rcpt"}, "disables the reply"},
		"the end left out":         {[]string{"-n", "eom"}, `-n: "eom" is not a stage that can be left out`},
		"the end not answered":     {[]string{"-N", "close"}, `-N: "close" is not a stage`},
		"no recipients":            {[]string{"-r", "-n", "rcpt"}, "-r: -n rcpt"},
		"macros of no stage":       {[]string{"-m", "header", "-M", "i"}, `-m: "header" is not a stage with macros`},
		"no index":                 {[]string{"-h", "X-Tag new"}, "-h: \"X-Tag new\" does not begin with an index"},
		"a negative index":         {[]string{"-i", "-1 X-Tag new"}, "does not begin with an index"},
		"no name":                  {[]string{"-i", "1 "}, "-i: \"1 \" has no name"},
		"nothing to insert":        {[]string{"-i", "1 X-Tag"}, "-i: want 'index name value'"},
		"no such file":             {[]string{"-b", "/nonexistent"}, "-b: open /nonexistent"},
		"no sender":                {[]string{"-f", " "}, "-f: want an address"},
		"no recipient":             {[]string{"-A", ""}, "-A: want a value"},
		"a negative count":         {[]string{"-C", "-1"}, "-C: want 0 or more"},
		"no address":               {[]string{"-p", "9000"}, "-p: want inet:PORT@HOST"},
	}
	for name, c := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			status, stdout, stderr := run(append(c.args, "-explain", "text")...)
			assert.Equal(t, 2, status)
			assert.Empty(t, stdout)
			assert.Contains(t, stderr, c.says)
			assert.Regexp(t, `^testmilter: [^\n]*\n$`, stderr)
		})
	}
}

func TestAMacroWithABadNameIsAMistake(t *testing.T) {
	t.Parallel()
	status, _, stderr := run("-M", "{}", "-explain", "text")
	assert.Equal(t, 1, status)
	assert.Contains(t, stderr, "WantMacro")
}

func TestExplainNamesWhatTheFlagsNeed(t *testing.T) {
	t.Parallel()
	status, stdout, stderr := run("-n", "helo", "-N", "rcpt", "-A", "a@example.org", "-M", "j", "-explain", "text")
	require.Zero(t, status, stderr)
	for _, want := range []string{
		`(?m)^\+\s+SMFIF_ADDRCPT `, `(?m)^\+\s+SMFIF_SETSYMLIST `, `(?m)^\+\s+SMFIP_NOHELO `,
		`(?m)^\+\s+SMFIP_NR_RCPT `, `(?m)^\+\s+SMFIM_CONNECT j `, `(?m)^-\s+SMFIP_NOBODY `,
	} {
		assert.Regexp(t, want, stdout)
	}
	assert.NotContains(t, stdout, "SMFIF_CHGBODY")
}

// The macros of the flags are those that the filter asks for in the negotiation.
func TestMacrosAreAskedFor(t *testing.T) {
	t.Parallel()
	res, lines := try(t, miltertest.Message(message, miltertest.QueueID("q1")), "-m", "eom", "-M", "i {msg_id}")
	assert.Contains(t, strings.Join(lines, "\n"), "eom\nmacro i=\"q1\"")
	assert.Contains(t, res.Transcript, "SMFIF_SETSYMLIST")
}

func TestServesAndStops(t *testing.T) {
	t.Parallel()
	where := "unix:" + filepath.Join(t.TempDir(), "none", "x.sock")
	status, _, stderr := run("-p", where)
	assert.Equal(t, 1, status, "what cannot be bound is no wrong flag")
	assert.Contains(t, stderr, "none")
}

func TestEndsAfterTheLastConnection(t *testing.T) {
	t.Parallel()
	where := "unix:" + filepath.Join(t.TempDir(), "x.sock")
	type result struct {
		status int
		stdout string
	}
	ended := make(chan result, 1)
	go func() {
		status, stdout, _ := run("-p", where, "-C", "2")
		ended <- result{status, stdout}
	}()
	for range 2 {
		require.Eventually(t, func() bool {
			conn, err := mta.Dial(t.Context(), where, mta.Config{})
			if err != nil {
				return false
			}
			_, err = conn.Helo(t.Context(), "client.example.org")
			return assert.NoError(t, err) && assert.NoError(t, conn.Quit(t.Context()))
		}, time.Minute, 5*time.Millisecond)
	}
	got := <-ended
	assert.Zero(t, got.status)
	assert.Equal(t, 2, strings.Count(got.stdout, "close\n"))
}
