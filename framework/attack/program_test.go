//go:build integration

package attack_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/sluicemail/sluice/framework/miltertest/testproc"
)

// program is an example filter.
type program struct {
	name string
	// args returns the arguments. dir is a directory for files that they name.
	args func(t *testing.T, dir string) []string
}

// programs returns the filters that are attacked, with a usual configuration.
func programs() []program {
	return []program{
		{"logall", func(*testing.T, string) []string { return []string{"-log-format", "json"} }},
		{"headerd", func(*testing.T, string) []string {
			return []string{"-config", "../../examples/headerd/headerd.yaml", "-metrics", "127.0.0.1:0"}
		}},
		{"dkimd", dkimdArgs},
		{"testmilter", testmilterArgs},
	}
}

// dkimdArgs makes dkimd sign what comes from this host, and verify all other
// mail. A file replaces the DNS.
func dkimdArgs(t *testing.T, dir string) []string {
	t.Helper()
	key, records, config := filepath.Join(dir, "key.pem"), filepath.Join(dir, "records"), filepath.Join(dir, "dkimd.yaml")
	out, err := exec.CommandContext(t.Context(), filepath.Join(folder, "dkimd"),
		"keygen", "-type", "ed25519", "-domain", "example.org", "-selector", "s", "-out", key).CombinedOutput()
	require.NoError(t, err, string(out))
	// The public key of RFC 8463, section A.2.
	record := "s._domainkey.example.org v=DKIM1; k=ed25519; p=11qYAYKxCrfVS/7TyWQHOg7hcvPapiMlrwIaaPcHURo=\n"
	require.NoError(t, os.WriteFile(records, []byte(record), 0o600))
	text := "authserv_id: mx.example.org\n" +
		"keys: [{name: k, domain: example.org, selector: s, file: " + key + "}]\n" +
		"signing: {rules: [{senders: ['*'], keys: [k], third_party: true}]}\n" +
		"dns: {records: " + records + "}\n"
	require.NoError(t, os.WriteFile(config, []byte(text), 0o600))
	return []string{"-config", config, "-metrics", "127.0.0.1:0"}
}

// testmilterArgs makes testmilter use each kind of modification.
func testmilterArgs(t *testing.T, dir string) []string {
	t.Helper()
	body := filepath.Join(dir, "body")
	require.NoError(t, os.WriteFile(body, []byte(strings.Repeat("a line of the new body\r\n", 500)), 0o600))
	return []string{
		"-v", "-r", "-l", "-m", "mail", "-M", "i v j", "-b", body, "-f", "<x@example.org>",
		"-A", "c@example.net", "-D", "b@example.net", "-i", "0 X-Inserted here", "-h", "1 Subject changed",
	}
}

// process is a running program.
type process struct {
	*testproc.Process

	network string // tcp or unix
	address string
	metrics string // the address of the metrics, or ""
	out     *output
}

// launch starts a program and waits until it serves.
func launch(t *testing.T, p program, network string) *process {
	t.Helper()
	dir := t.TempDir()
	listen := map[string]string{"tcp": "inet:0@127.0.0.1", "unix": "unix:" + filepath.Join(dir, "s")}[network]
	cmd := exec.CommandContext(t.Context(), filepath.Join(folder, p.name), append(p.args(t, dir), "-listen", listen)...)
	run := &process{network: network, address: filepath.Join(dir, "s"), out: new(output)}
	cmd.Stdout, cmd.Stderr = run.out, run.out
	cmd.Env = append(os.Environ(), "GOTRACEBACK=all")
	run.Process = testproc.Start(t, cmd)
	served := regexp.MustCompile(`msg"?[=:]"?serving"?[ ,]"?address"?[=:]"?([^"\s]+)`)
	var found []string
	require.Eventually(t, func() bool {
		found = served.FindStringSubmatch(run.out.String())
		return found != nil
	}, patience, time.Millisecond, "it does not serve")
	if network == "tcp" {
		run.address = found[1]
	}
	if found := metricsAddress.FindStringSubmatch(run.out.String()); found != nil {
		run.metrics = found[1]
	}
	return run
}

// milter returns the address in the notation of MTAs.
func (p *process) milter() string {
	if p.network == "tcp" {
		return "inet:" + p.address
	}
	return "unix:" + p.address
}

// alive reports whether the process runs.
func (p *process) alive() bool { return syscall.Kill(p.PID(), 0) == nil }

// settle waits until the process uses no CPU time.
func (p *process) settle(t *testing.T) {
	t.Helper()
	last := ""
	assert.Eventually(t, func() bool {
		now := p.status().cpu
		defer func() { last = now }()
		return now == last
	}, patience, 100*time.Millisecond, "the process is busy")
}

// quit ends the process with a dump of its goroutines, and returns the dump.
func (p *process) quit(t *testing.T) string {
	t.Helper()
	p.settle(t)
	p.out.keep()
	p.Signal(t, syscall.SIGQUIT)
	_ = p.Wait(t) // a signal ends it
	return p.out.String()
}
