// Package examples_test checks what all examples have in common: their help,
// their version, their errors, and what their READMEs show.
package examples_test

import (
	"bytes"
	"flag"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/sluicemail/sluice/framework/miltertest/testproc"
	"github.com/sluicemail/sluice/framework/printable"
)

var update = flag.Bool("update", false, "rewrite the golden files")

// bin is the folder of the built examples.
var bin string

func TestMain(m *testing.M) {
	flag.Parse()
	var err error
	if bin, err = os.MkdirTemp("", "examples"); err != nil {
		panic(err)
	}
	if err := testproc.BuildInto(bin, "./..."); err != nil {
		panic(err)
	}
	status := m.Run()
	_ = os.RemoveAll(bin)
	os.Exit(status)
}

// programs returns the names of all example programs.
func programs(t *testing.T) []string {
	t.Helper()
	entries, err := os.ReadDir(bin)
	require.NoError(t, err)
	var names []string
	for _, e := range entries {
		names = append(names, e.Name())
	}
	require.Contains(t, names, "logall")
	return names
}

func run(t *testing.T, name string, args ...string) (status int, stdout, stderr string) {
	t.Helper()
	var out, errs bytes.Buffer
	cmd := exec.CommandContext(t.Context(), filepath.Join(bin, name), args...)
	cmd.Stdout, cmd.Stderr = &out, &errs
	if err := cmd.Run(); err != nil {
		require.NotNil(t, cmd.ProcessState, err)
	}
	return cmd.ProcessState.ExitCode(), out.String(), errs.String()
}

// commands returns all programs, and all commands of dkimd and sluiced, as arguments.
func commands(t *testing.T) [][]string {
	t.Helper()
	var calls [][]string
	for _, name := range programs(t) {
		calls = append(calls, []string{name})
	}
	for _, command := range []string{"keygen", "testkey", "sign", "verify"} {
		calls = append(calls, []string{"dkimd", command})
	}
	for _, name := range []string{"dkimd", "headerd", "sluiced"} {
		calls = append(calls, []string{name, "-check"})
	}
	return append(calls, []string{"probe", "-replay"}, []string{"sluiced", "check-message"})
}

// The page of each program says who may connect, if the program has a flag for it.
func TestPagesNameAllow(t *testing.T) {
	t.Parallel()
	for _, name := range programs(t) {
		if _, help, _ := run(t, name, "-help"); !strings.Contains(help, "  -allow ") {
			continue
		}
		page, err := os.ReadFile(filepath.Join(name, "README.md"))
		require.NoError(t, err)
		assert.Contains(t, string(page), "-allow ", name)
	}
}

// No program writes a character to standard error that commands a terminal, whatever the
// name of a file or the value of a flag.
func TestErrorsArePrintable(t *testing.T) {
	t.Parallel()
	const hostile = "x\x1b[31m\u009b2J\u202e\xff"
	calls := [][]string{
		{"addheaderip", "-name", hostile},
		{"addheaderip", "-listen", "unix:/nonexistent/" + hostile},
		{"aliases", "-db", hostile},
		{"changebody", "-file", hostile},
		{"fxapp", "-deny", hostile},
		{"fxapp", "-handover", "/nonexistent/" + hostile},
		{"headerd", "-config", hostile},
		{"headerd", "-config", "headerd/headerd.yaml", "-listen", "unix:/nonexistent/" + hostile},
		{"dkimd", "-config", hostile},
		{"dkimd", "-listen", "unix:/nonexistent/" + hostile},
		{"dkimd", hostile},
		{"dkimd", "verify", hostile},
		{"dkimd", "sign", "-domain", "a.example", "-selector", "s", "-key", hostile, hostile},
		{"dkimd", "keygen", "-domain", "a.example", "-selector", "s", "-out", "/nonexistent/" + hostile},
		{"dkimd", "testkey", "-domain", hostile, "-selector", "s"},
		{"dkimd", "testkey", "-config", hostile},
		{"sluiced", "-config", hostile},
		{"sluiced", "-config", "sluiced/mx.yaml", "-listen", "unix:/nonexistent/" + hostile},
		{"sluiced", hostile},
		{"sluiced", "check-message", "-config", "sluiced/mx.yaml", "-client", "192.0.2.1", "-from", "", hostile},
		{"sluiced", "check-message", "-config", hostile, "-client", "192.0.2.1", "-from", "", "probe/testdata/message.eml"},
		{"playground", "-maildir", "/dev/null/" + hostile},
		{"playground", "-smtp", hostile},
		{"probe", "-milter", "inet:1@127.0.0.1", hostile},
		{"probe", "-milter", hostile, "probe/testdata/message.eml"},
		{"probe", "-milter", "unix:/nonexistent/" + hostile, "probe/testdata/message.eml"},
	}
	for _, call := range commands(t) {
		calls = append(calls, append(call, "-"+hostile), append(call, "-log-format", hostile))
	}
	for _, call := range calls {
		t.Run(strings.Join(call[:len(call)-1], " "), func(t *testing.T) {
			t.Parallel()
			status, _, stderr := run(t, call[0], call[1:]...)
			assert.NotZero(t, status)
			require.NotEmpty(t, stderr)
			for _, r := range stderr {
				assert.True(t, r == '\n' || printable.Rune(r), "%+q in %+q", r, stderr)
			}
		})
	}
}

// A screen is the classic terminal with 24 lines of 80 columns.
func TestHelpFitsAScreen(t *testing.T) {
	t.Parallel()
	for _, call := range commands(t) {
		for _, arg := range []string{"-help", "--help"} {
			status, stdout, stderr := run(t, call[0], append(call[1:], arg)...)
			assert.Zero(t, status, call)
			assert.Empty(t, stderr, call)
			assert.LessOrEqual(t, strings.Count(stdout, "\n"), 24, call)
			for line := range strings.Lines(stdout) {
				assert.NotContains(t, line, "\t", call)
				assert.LessOrEqual(t, len(strings.TrimSuffix(line, "\n")), 80, "%q: %s", call, line)
			}
		}
	}
}

// What a program prints with -help equals its golden file. All programs with filters have the
// flag -inspect.
func TestHelp(t *testing.T) {
	t.Parallel()
	for _, call := range commands(t) {
		name := strings.ReplaceAll(strings.Join(call, "-"), "--", "-")
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			_, got, _ := run(t, call[0], append(call[1:], "-help")...)
			golden := filepath.Join("testdata", "help", name+".txt")
			if *update {
				require.NoError(t, os.MkdirAll(filepath.Dir(golden), 0o750))
				require.NoError(t, os.WriteFile(golden, []byte(got), 0o600))
			}
			want, err := os.ReadFile(golden)
			require.NoError(t, err)
			assert.Equal(t, string(want), got)
			if len(call) == 1 && name != "probe" && name != "matrix" {
				assert.Contains(t, got, "  -inspect ")
			}
		})
	}
}

// Each example prints its version with -version. Only probe has -V, because its
// -version sets the version of the milter protocol.
func TestVersion(t *testing.T) {
	t.Parallel()
	for _, name := range programs(t) {
		arg := "-version"
		if name == "probe" {
			arg = "-V"
		}
		status, stdout, stderr := run(t, name, arg)
		assert.Zero(t, status, name)
		assert.Empty(t, stderr, name)
		assert.Regexp(t, `^`+name+` \S+ go1\.\S+\n$`, stdout)
	}
}

func TestWrongArguments(t *testing.T) {
	t.Parallel()
	for _, name := range programs(t) {
		for _, args := range [][]string{{"-colour"}, {"-explain", "xml"}, {"-log-level", "loud"}} {
			status, stdout, stderr := run(t, name, args...)
			assert.Equal(t, 2, status, "%s %q", name, args)
			assert.Empty(t, stdout, "%s %q", name, args)
			assert.Regexp(t, `^`+name+`: [^\n]*\n$`, stderr)
		}
	}
}

// What an example asks of the mail server equals its golden files.
func TestExplain(t *testing.T) {
	t.Parallel()
	for _, name := range []string{"addheaderip", "aliases", "chain", "changebody", "clamav", "greylist", "httpscan", "logall"} {
		for _, format := range []string{"text", "json"} {
			t.Run(name+" "+format, func(t *testing.T) {
				t.Parallel()
				status, got, stderr := run(t, name, "-explain", format)
				require.Zero(t, status, stderr)
				golden := filepath.Join(name, "testdata", "explain."+format)
				if *update {
					require.NoError(t, os.MkdirAll(filepath.Dir(golden), 0o750))
					require.NoError(t, os.WriteFile(golden, []byte(got), 0o600))
				}
				want, err := os.ReadFile(golden)
				require.NoError(t, err)
				assert.Equal(t, string(want), got)
			})
		}
	}
}

// A README shows how to run the program, and mentions no flag that the program
// does not have.
func TestREADME(t *testing.T) {
	t.Parallel()
	mention := regexp.MustCompile("`(-[a-zA-Z][a-z-]*)[` ]")
	help := make(map[string]string)
	for _, call := range commands(t) {
		_, text, _ := run(t, call[0], append(call[1:], "-help")...)
		help[call[0]] += text
	}
	for name, flags := range help {
		text, err := os.ReadFile(filepath.Join(name, "README.md"))
		require.NoError(t, err)
		assert.Contains(t, string(text), "./examples/"+name, "how it is run")
		for _, m := range mention.FindAllStringSubmatch(string(text), -1) {
			if m[1] != "-help" {
				assert.Contains(t, flags, m[1], "%s/README.md", name)
			}
		}
	}
}
