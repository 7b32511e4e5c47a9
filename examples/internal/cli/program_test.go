package cli_test

import (
	"bytes"
	"encoding/json"
	"flag"
	"io"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/sluicemail/sluice/examples/internal/cli"
	"github.com/sluicemail/sluice/framework"
)

// program returns a filter with one flag and one grant as a program.
func program(word *string) cli.Program {
	return cli.Program{
		Name: "sample", Summary: "Does a thing.",
		Flags: func(fs *flag.FlagSet) { fs.StringVar(word, "word", "x", "a `word`") },
		Router: func() (*framework.Router, error) {
			r := framework.NewRouter()
			switch *word {
			case "":
				return nil, cli.Usagef("-word is empty")
			case "mistaken":
				r.OnMail(nil)
			}
			r.GrantAddHeader()
			return r, nil
		},
		Ready: func() error {
			if *word == "unready" {
				return cli.Usagef("-word is not fit for mail")
			}
			return nil
		},
	}
}

func run(args ...string) (status int, stdout, stderr string) {
	var out, errs bytes.Buffer
	status = program(new(string)).Run(args, &out, &errs)
	return status, out.String(), errs.String()
}

func TestWrongArguments(t *testing.T) {
	t.Parallel()
	tests := map[string]struct {
		args   []string
		status int
		says   string
	}{
		"unknown flag":         {[]string{"-colour"}, 2, "-colour"},
		"unknown format":       {[]string{"-explain", "xml"}, 2, "want text or json"},
		"no format":            {[]string{"-explain"}, 2, "-explain"},
		"unknown log format":   {[]string{"-log-format", "yaml"}, 2, "want text or json"},
		"unknown log level":    {[]string{"-log-level", "loud"}, 2, "loud"},
		"no address":           {[]string{"-listen", ""}, 2, "want inet:PORT@HOST"},
		"address without kind": {[]string{"-listen", "127.0.0.1:9000"}, 2, "want inet:PORT@HOST"},
		"no network":           {[]string{"-allow", "localhost"}, 2, "want an IP address or a network"},
		"network of 33 bits":   {[]string{"-allow", "192.0.2.0/33"}, 2, "want an IP address or a network"},
		"inspect without port": {[]string{"-inspect", "127.0.0.1"}, 2, "want an address and a port"},
		"inspect for all":      {[]string{"-inspect", "0.0.0.0:0"}, 2, "inspect 0.0.0.0:0: it is not a loopback address"},
		"no such token":        {[]string{"-inspect", ":0?token_file=/nonexistent/x"}, 2, "open /nonexistent/x"},
		"not own, to inspect":  {[]string{"-inspect", "192.0.2.1:0?token_file=program_test.go"}, 2, "program_test.go"},
		"no folder of inspect": {[]string{"-inspect", "unix:/nonexistent/x.sock"}, 1, "/nonexistent/x.sock"},
		"not a boolean":        {[]string{"-version=perhaps"}, 2, "-version"},
		"an argument":          {[]string{"-log-level", "debug", "message.eml"}, 2, `"message.eml"`},
		"the filter's own":     {[]string{"-word", ""}, 2, "-word is empty"},
		"not fit to serve":     {[]string{"-word", "unready"}, 2, "-word is not fit for mail"},
		"a mistaken filter":    {[]string{"-word", "mistaken", "-explain", "text"}, 1, "OnMail without a handler"},
		"no such folder":       {[]string{"-listen", "unix:/nonexistent/folder/x.sock"}, 1, "/nonexistent/folder"},
		"not an own address":   {[]string{"-listen", "inet:0@192.0.2.1"}, 1, "192.0.2.1"},
	}
	for name, c := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			status, stdout, stderr := run(c.args...)
			assert.Equal(t, c.status, status)
			assert.Empty(t, stdout)
			assert.Contains(t, stderr, c.says)
			assert.True(t, strings.HasPrefix(stderr, "sample: "), stderr)
			assert.Equal(t, 1, strings.Count(stderr, "\n"), "one line: %s", stderr)
		})
	}
}

func TestHelpFitsAScreen(t *testing.T) {
	t.Parallel()
	for _, arg := range []string{"-h", "-help", "--help"} {
		status, stdout, stderr := run(arg)
		assert.Zero(t, status)
		assert.Empty(t, stderr)
		assert.LessOrEqual(t, strings.Count(stdout, "\n"), 24)
		for _, want := range []string{"usage: sample [flags]", "Does a thing.", "-listen address", "inet:PORT (every", "unix:PATH", "fd:NAME", "-allow network", "-inspect address", "-explain text|json", "-word word"} {
			assert.Contains(t, stdout, want)
		}
		for line := range strings.Lines(stdout) {
			assert.LessOrEqual(t, len(line), 80, line)
		}
	}
}

// The flag -allow restricts who may connect, and no flag restricts nobody.
func TestAllow(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		args []string
		want []string
	}{
		"nothing":         {},
		"a network":       {[]string{"-allow", "192.0.2.7/24"}, []string{"192.0.2.0/24"}},
		"an address":      {[]string{"-allow", "192.0.2.7"}, []string{"192.0.2.7/32"}},
		"several":         {[]string{"-allow", "::1", "-allow", "2001:db8::/32"}, []string{"::1/128", "2001:db8::/32"}},
		"every network":   {[]string{"-allow", "0.0.0.0/0"}, []string{"0.0.0.0/0"}},
		"with an address": {[]string{"-listen", "inet:0", "-allow", "10.0.0.0/8"}, []string{"10.0.0.0/8"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var got []string
			p := program(new(string))
			p.Serve = func(_ string, _ *framework.Router, cfg framework.Config) error {
				for _, n := range cfg.Admission.Networks {
					got = append(got, n.String())
				}
				return nil
			}
			require.Zero(t, p.Run(c.args, io.Discard, io.Discard))
			assert.Equal(t, c.want, got)
		})
	}
}

func TestPrintFlags(t *testing.T) {
	t.Parallel()
	fs := flag.NewFlagSet("", flag.ContinueOnError)
	fs.Bool("brief", false, "say little")
	fs.Int("count", 3, "so `many`")
	fs.String("word", "", "a word, and what there is to be said of it at length: so much that a line does not hold it")
	fs.String("said", "x", "a letter\n(default x)")
	var out strings.Builder
	cli.PrintFlags(&out, fs)
	assert.Equal(t, `  -brief        say little
  -count many   so many (default 3)
  -said string  a letter (default x)
  -word string  a word, and what there is to be said of it at length: so much
                that a line does not hold it
`, out.String())
}

func TestVersion(t *testing.T) {
	t.Parallel()
	status, stdout, stderr := run("-version")
	assert.Zero(t, status)
	assert.Empty(t, stderr)
	assert.Regexp(t, `^sample \S+ go1\.\S+\n$`, stdout)
}

func TestExplain(t *testing.T) {
	t.Parallel()
	const where = "cli/program_test.go:"

	status, text, _ := run("-explain", "text")
	assert.Zero(t, status)
	assert.Regexp(t, `\+\s+SMFIF_ADDHDRS\s+GrantAddHeader by main at `+where, text)

	status, same, _ := run("-word", "unready", "-explain", "text")
	assert.Zero(t, status)
	assert.Equal(t, text, same, "nothing is served")

	status, out, _ := run("-explain", "json")
	assert.Zero(t, status)
	var plan struct {
		Actions []string
		Reasons []framework.Reason
	}
	require.NoError(t, json.Unmarshal([]byte(out), &plan))
	assert.Equal(t, []string{"SMFIF_ADDHDRS"}, plan.Actions)
	require.NotEmpty(t, plan.Reasons)
	assert.Contains(t, plan.Reasons[0].Where, where)
}
