package main_test

import (
	"bytes"
	"context"
	"flag"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/sluicemail/sluice/contrib/dkim"
	main "github.com/sluicemail/sluice/examples/dkimd"
)

var update = flag.Bool("update", false, "rewrite the golden files")

// asProgram is an environment variable that makes the test binary run as dkimd.
const asProgram = "DKIMD_TEST_AS_PROGRAM"

func TestMain(m *testing.M) {
	if os.Getenv(asProgram) != "" {
		os.Exit(main.Run(context.Background(), os.Args[1:], os.Stdout, os.Stderr))
	}
	os.Exit(m.Run())
}

func run(t testing.TB, args ...string) (status int, stdout, stderr string) {
	t.Helper()
	var out, errs bytes.Buffer
	status = main.Run(t.Context(), args, &out, &errs)
	return status, out.String(), errs.String()
}

// must runs a command, which must succeed, and returns its output.
func must(t testing.TB, args ...string) string {
	t.Helper()
	status, stdout, stderr := run(t, args...)
	require.Zero(t, status, stderr)
	require.Empty(t, stderr)
	return stdout
}

// write writes a file of a test and returns its path.
func write(t testing.TB, name, text string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), name)
	require.NoError(t, os.WriteFile(path, []byte(text), 0o600))
	return path
}

var zoneLine = regexp.MustCompile(`^(\S+)\. IN TXT \( ((?:"[^"]*" )+)\)\n$`)

// newKey makes a key with the command keygen. It returns the path of the key and
// the path of a file with its record.
func newKey(t testing.TB, kind, domain, selector string) (path, records string) {
	t.Helper()
	path = filepath.Join(t.TempDir(), "key.pem")
	out := must(t, "keygen", "-domain", domain, "-selector", selector, "-type", kind, "-out", path)
	m := zoneLine.FindStringSubmatch(out)
	require.NotNil(t, m, out)
	assert.Equal(t, selector+"._domainkey."+domain, m[1])
	var record strings.Builder
	for i, part := range strings.Split(m[2], `"`) {
		if i%2 == 1 {
			assert.LessOrEqual(t, len(part), 255)
			record.WriteString(part)
		}
	}
	return path, write(t, "records", "# ours\n"+m[1]+" "+record.String()+"\n")
}

func TestKeygen(t *testing.T) {
	t.Parallel()
	for _, kind := range []string{"rsa", "ed25519"} {
		path, records := newKey(t, kind, "example.org", "s1")
		info, err := os.Stat(path)
		require.NoError(t, err)
		assert.Equal(t, os.FileMode(0o600), info.Mode().Perm())
		out := must(t, "testkey", "-domain", "example.org", "-selector", "s1", "-key", path, "-records", records)
		assert.Contains(t, out, "s1._domainkey.example.org: "+kind+", ")
		assert.Contains(t, out, "the key is the same")

		status, _, stderr := run(t, "keygen", "-domain", "example.org", "-selector", "s1", "-type", kind, "-out", path)
		assert.Equal(t, 1, status)
		assert.Contains(t, stderr, "not overwritten")
	}
}

func TestKeygenBits(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "key.pem")
	status, _, stderr := run(t, "keygen", "-domain", "a.example", "-selector", "s", "-bits", "1023", "-out", path)
	assert.Equal(t, 1, status)
	assert.Contains(t, stderr, "less than 1024 bits")
	assert.NoFileExists(t, path)
}

func TestTestkey(t *testing.T) {
	t.Parallel()
	_, records := newKey(t, "ed25519", "example.org", "s1")
	other, _ := newKey(t, "ed25519", "example.org", "s1")
	revoked := write(t, "records", "s1._domainkey.example.org v=DKIM1; p=\n")
	tests := map[string]struct {
		args []string
		want string
	}{
		"another key":    {[]string{"-selector", "s1", "-key", other, "-records", records}, "another key is published"},
		"no record":      {[]string{"-selector", "s2", "-records", records}, "no key record"},
		"revoked":        {[]string{"-selector", "s1", "-records", revoked}, "key revoked"},
		"no such key":    {[]string{"-selector", "s1", "-key", "/nonexistent", "-records", records}, "/nonexistent"},
		"odd selector":   {[]string{"-selector", "s 1", "-records", records}, "not a selector"},
		"no name server": {[]string{"-selector", "s1", "-dns", "localhost"}, "want an address and a port"},
	}
	for name, c := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			status, _, stderr := run(t, append([]string{"testkey", "-domain", "example.org"}, c.args...)...)
			assert.Equal(t, 1, status)
			assert.Contains(t, stderr, c.want)
		})
	}
}

// TestTestkeyAmongSeveral tests a key whose selector has the record of an earlier key
// too.
func TestTestkeyAmongSeveral(t *testing.T) {
	t.Parallel()
	key, current := newKey(t, "ed25519", "example.org", "s1")
	_, old := newKey(t, "rsa", "example.org", "s1")
	both := write(t, "records", readAll(t, old)+readAll(t, current))
	assert.Equal(t, "s1._domainkey.example.org: ed25519, 256 bits, published, and the key is the same, one of 2 key records\n",
		must(t, "testkey", "-domain", "example.org", "-selector", "s1", "-key", key, "-records", both))
}

func readAll(t *testing.T, path string) string {
	t.Helper()
	text, err := os.ReadFile(path)
	require.NoError(t, err)
	return string(text)
}

const letter = "From: Ann <ann@example.org>\nSubject: hello\n\nHow are you?\n"

func TestSignAndVerify(t *testing.T) {
	t.Parallel()
	texts := []string{letter, strings.ReplaceAll(letter, "\n", "\r\n"), "From: ann@example.org\n\n", strings.TrimSpace(letter)}
	for kind, want := range map[string]string{"rsa": "a=rsa-sha256 bits=2048", "ed25519": "a=ed25519-sha256 bits=256"} {
		key, records := newKey(t, kind, "example.org", "s1")
		for _, text := range texts {
			for _, canonical := range []string{"simple/simple", "simple/relaxed", "relaxed/simple", "relaxed/relaxed", "relaxed"} {
				signed := must(t, "sign", "-domain", "example.org", "-selector", "s1", "-key", key,
					"-canonicalization", canonical, "-identity", "ann@example.org", "-lifetime", "24h", write(t, "letter.eml", text))
				assert.True(t, strings.HasPrefix(signed, "DKIM-Signature: v=1; a="+kind), signed)
				assert.True(t, strings.HasSuffix(signed, text))
				assert.Equal(t, strings.Contains(text, "\r"), strings.Contains(signed, "\r"))
				out := must(t, "verify", "-records", records, write(t, "signed.eml", signed))
				assert.Equal(t, "pass d=example.org s=s1 i=ann@example.org "+want+"\n", out)
			}
		}
	}
}

func TestVerifyFails(t *testing.T) {
	t.Parallel()
	key, records := newKey(t, "rsa", "example.org", "s1")
	signed := must(t, "sign", "-domain", "example.org", "-selector", "s1", "-key", key, write(t, "letter.eml", letter))
	tests := map[string]struct{ text, out string }{
		"changed":    {strings.Replace(signed, "How", "Why", 1), "fail d=example.org s=s1 a=rsa-sha256 bits=2048 (body hash did not verify)\n"},
		"not signed": {letter, "none\n"},
		"no header":  {"nonsense\n", ""},
	}
	for name, c := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			status, stdout, stderr := run(t, "verify", "-records", records, write(t, "m.eml", c.text))
			assert.Equal(t, 1, status)
			assert.Equal(t, c.out, stdout)
			assert.NotEmpty(t, stderr)
		})
	}
}

func TestUsage(t *testing.T) {
	t.Parallel()
	tests := map[string][]string{
		"no such command": {"frobnicate"},
		"no config":       {},
		"unknown flag":    {"verify", "-colour"},
		"no message":      {"verify"},
		"two messages":    {"verify", "a", "b"},
		"no key":          {"sign", "-domain", "a", "-selector", "b", "x"},
		"no domain":       {"keygen", "-selector", "b", "-out", "x"},
		"odd domain":      {"keygen", "-domain", "a b", "-selector", "b", "-out", "x"},
		"odd kind":        {"keygen", "-domain", "a", "-selector", "b", "-out", "x", "-type", "dsa"},
		"odd canonical":   {"sign", "-domain", "a", "-selector", "b", "-key", "k", "-canonicalization", "nofws", "x"},
		"check alone":     {"-check"},
	}
	for name, args := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			status, stdout, stderr := run(t, args...)
			assert.Equal(t, 2, status)
			assert.Empty(t, stdout)
			assert.Regexp(t, `^dkimd: [^\n]+\n$`, stderr)
		})
	}
}

func TestHelp(t *testing.T) {
	t.Parallel()
	for _, command := range []string{"keygen", "testkey", "sign", "verify"} {
		assert.Contains(t, must(t, command, "-h"), "usage: dkimd "+command)
	}
	assert.Contains(t, must(t, "-help"), "usage: dkimd [flags]")
}

func TestKeysOfOtherTools(t *testing.T) {
	t.Parallel()
	_, err := dkim.ParseKey([]byte("-----BEGIN PUBLIC KEY-----\nAAAA\n-----END PUBLIC KEY-----\n"))
	require.ErrorContains(t, err, "want a private key")
	_, err = dkim.ParseKey([]byte("nonsense"))
	require.ErrorContains(t, err, "no PEM data found")
}
