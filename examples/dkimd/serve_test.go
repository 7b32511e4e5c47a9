package main_test

import (
	"net"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/sluicemail/sluice/framework/miltertest/testproc"
	"github.com/sluicemail/sluice/wire"
	"github.com/sluicemail/sluice/wire/mta"
)

// process is a running dkimd.
type process struct {
	*testproc.Process
	log *testproc.Log
}

// start starts dkimd, which must end without an error at the end of the test.
func start(t *testing.T, args ...string) *process {
	t.Helper()
	p := launch(t, args...)
	t.Cleanup(func() {
		p.Signal(t, syscall.SIGTERM)
		assert.NoError(t, p.Wait(t))
	})
	return p
}

func launch(t *testing.T, args ...string) *process {
	t.Helper()
	log := new(testproc.Log)
	cmd := exec.Command(os.Args[0], append([]string{"-log-format", "json", "-listen", "inet:0@127.0.0.1"}, args...)...)
	cmd.Env, cmd.Stderr = append(os.Environ(), asProgram+"=1"), log
	return &process{testproc.Start(t, cmd), log}
}

// await returns the next line of the log with the message.
func (p *process) await(t *testing.T, message string) testproc.Line {
	t.Helper()
	return p.log.Next(t, message)
}

func (p *process) hangUp(t *testing.T) {
	t.Helper()
	p.Signal(t, syscall.SIGHUP)
}

// signature sends a message over an open connection and returns its signature.
func signature(t *testing.T, conn *mta.Conn) string {
	t.Helper()
	out, err := conn.Send(t.Context(), &mta.Message{
		Client: mta.Client{Host: "localhost", Addr: "127.0.0.1"},
		Header: []mta.Field{{Name: "From", Value: " ann@example.org"}},
		Body:   []byte("x\r\n"),
	})
	require.NoError(t, err)
	require.NotNil(t, out.Edited)
	for _, h := range out.Edited.Header {
		if h.Name == "DKIM-Signature" {
			return h.Value
		}
	}
	return ""
}

func TestReload(t *testing.T) {
	t.Parallel()
	key, _ := newKey(t, "ed25519", "example.org", "s1")
	config := write(t, "dkimd.yaml", "")
	set := func(text string) { require.NoError(t, os.WriteFile(config, []byte(text), 0o600)) }
	with := func(selector string) string {
		return "mode: sign\nkeys: [{name: a, domain: example.org, selector: " + selector + ", file: " + key + "}]\n" +
			"signing: {rules: [{senders: [example.org], keys: [a]}]}\n"
	}
	set(with("one"))
	metrics := freeAddress(t)
	p := start(t, "-config", config, "-metrics", metrics)
	address, _ := p.await(t, "serving")["address"].(string)
	conn, err := mta.Dial(t.Context(), "inet:"+address, mta.Config{})
	require.NoError(t, err)
	assert.Contains(t, signature(t, conn), "s=one;")

	_, text := get(t, metrics, "/metrics")
	assert.Contains(t, text, "\nsluice_config_last_reload_successful 1\n")
	set(with("two"))
	p.hangUp(t)
	p.await(t, "configuration reloaded")
	assert.Contains(t, signature(t, conn), "s=two;", "the session goes on with the new configuration")

	set("metrics: 127.0.0.1:1\n" + with("two")) // the flag takes precedence
	p.hangUp(t)
	p.await(t, "configuration reloaded")
	for name, text := range map[string]string{"mistake": "modus: x\n", "another mode": strings.Replace(with("three"), "sign\n", "both\nauthserv_id: mx.example.org\n", 1), "another macro": with("three") + "trust: {macros: {daemon_name: [a]}}\n"} {
		set(text)
		p.hangUp(t)
		l := p.await(t, map[bool]string{
			true:  "configuration not reloaded: the old one stays in force",
			false: "configuration not reloaded: the new rules need a restart",
		}[name == "mistake"])
		assert.NotEmpty(t, l["error"], name)
		assert.Contains(t, signature(t, conn), "s=two;", name)
	}
	require.NoError(t, conn.Quit(t.Context()))

	_, text = get(t, metrics, "/metrics")
	assert.Contains(t, text, "\nsluice_config_last_reload_successful 0\n")
	assert.Regexp(t, `\nsluice_config_last_reload_success_timestamp_seconds 1\.\d+e\+09\n`, text)
	assert.Contains(t, text, `dkim_events_total{class="author",kind="signed",result=""} 5`)
	assert.Contains(t, text, "sluice_messages_total")
}

// TestReloadWithMessagesUnderWay shows that the configuration in force at the
// start of a message applies until its end.
func TestReloadWithMessagesUnderWay(t *testing.T) {
	t.Parallel()
	key, _ := newKey(t, "ed25519", "example.org", "s1")
	config := write(t, "dkimd.yaml", "")
	set := func(selector string) {
		require.NoError(t, os.WriteFile(config, []byte("mode: sign\nkeys: [{name: a, domain: example.org, selector: "+selector+", file: "+key+"}]\n"+
			"signing: {rules: [{senders: [example.org], keys: [a]}]}\n"), 0o600))
	}
	set("one")
	p := start(t, "-config", config)
	address, _ := p.await(t, "serving")["address"].(string)
	answered := mta.PostfixOffer(wire.MaxVersion)
	answered.Protocol &^= wire.ProtoNREOH // so that the filter is known to have received it
	conns := make([]*mta.Conn, 20)
	for i := range conns {
		var err error
		conns[i], err = mta.Dial(t.Context(), "inet:"+address, mta.Config{Offer: answered})
		require.NoError(t, err)
		begin(t, conns[i])
	}
	set("two")
	p.hangUp(t)
	p.await(t, "configuration reloaded")
	for _, conn := range conns {
		_, mods, err := conn.EndOfMessage(t.Context(), []byte("x\r\n"))
		require.NoError(t, err)
		require.Len(t, mods, 1)
		added, ok := mods[0].(*wire.InsertHeader)
		require.True(t, ok, "%T", mods[0])
		assert.Contains(t, added.Value, "s=one;")
		require.NoError(t, conn.Quit(t.Context()))
	}
	conn, err := mta.Dial(t.Context(), "inet:"+address, mta.Config{})
	require.NoError(t, err)
	assert.Contains(t, signature(t, conn), "s=two;")
	require.NoError(t, conn.Quit(t.Context()))
}

// begin sends a message's header.
func begin(t *testing.T, conn *mta.Conn) {
	t.Helper()
	ctx := t.Context()
	step := func(_ mta.Response, err error) { require.NoError(t, err) }
	step(conn.Connect(ctx, &wire.Connect{Host: []byte("localhost"), Family: wire.FamilyInet, Port: 25, Address: []byte("127.0.0.1")}))
	step(conn.Mail(ctx, "<ann@example.org>"))
	step(conn.Rcpt(ctx, "<bob@example.net>"))
	step(conn.Header(ctx, "From", " ann@example.org"))
	step(conn.EndOfHeaders(ctx))
}

// freeAddress returns an address of this host with a free port.
func freeAddress(t *testing.T) string {
	t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	require.NoError(t, ln.Close())
	return ln.Addr().String()
}

func TestServeWithoutConfig(t *testing.T) {
	t.Parallel()
	status, _, stderr := run(t, "-config", "/nonexistent/dkimd.yaml")
	assert.Equal(t, 1, status)
	assert.Contains(t, stderr, "/nonexistent/dkimd.yaml")
}

// TestCheckAgainst compares a configuration with the one that is in force.
func TestCheckAgainst(t *testing.T) {
	t.Parallel()
	key, _ := newKey(t, "ed25519", "example.org", "s1")
	text := "mode: sign\nkeys: [{name: a, domain: example.org, selector: one, file: " + key + "}]\n" +
		"signing: {rules: [{senders: [example.org], keys: [a]}]}\n"
	old := write(t, "old.yaml", text)
	for name, c := range map[string]struct {
		text   string
		status int
		says   string
	}{
		"the same":         {text, 0, ""},
		"another selector": {strings.Replace(text, "one", "two", 1), 0, ""},
		"another mode":     {strings.Replace(text, "sign\n", "both\nauthserv_id: mx.example.org\n", 1), 3, "a new mode, dry_run, metrics or inspect needs a restart"},
		"a trusted macro":  {text + "trust: {macros: {daemon_name: [a]}}\n", 3, "needs a restart"},
		"inspect":          {"inspect: {content: all}\n" + text, 3, "inspect needs a restart"},
		"wrong inspect":    {"inspect: {content: some}\n" + text, 1, ":1:20: want none, header or all"},
		"inspect for all":  {"inspect: {address: ':80'}\n" + text, 1, ":1:20: it is not a loopback address"},
		"wrong":            {"modus: x\n", 1, "modus"},
	} {
		status, _, stderr := run(t, "-check", "-config", write(t, "new.yaml", c.text), "-against", old)
		assert.Equal(t, c.status, status, "%s: %s", name, stderr)
		assert.Contains(t, stderr, c.says, name)
	}
	changed := write(t, "new.yaml", "metrics: 127.0.0.1:9090\n"+text)
	status, _, stderr := run(t, "-check", "-config", changed, "-against", old)
	assert.Equal(t, 3, status, stderr)
	status, _, stderr = run(t, "-check", "-config", changed, "-metrics", "127.0.0.1:9091", "-against", old)
	assert.Zero(t, status, stderr)
	status, _, stderr = run(t, "-check", "-config", old, "-against", write(t, "wrong.yaml", "modus: x\n"))
	assert.Equal(t, 1, status)
	assert.Regexp(t, `^dkimd: valid, but the file of -against cannot be used: .*/wrong\.yaml\ndkimd: .*modus`, stderr)
}

// TestInspect shows a message on the page.
func TestInspect(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		text string
		args []string
	}{
		"flag": {"", []string{"-inspect", "127.0.0.1:0"}},
		"file": {"inspect: {address: '127.0.0.1:0'}\n", nil},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			key, _ := newKey(t, "ed25519", "example.org", "s1")
			config := write(t, "dkimd.yaml", c.text+"mode: sign\nkeys: [{name: a, domain: example.org, selector: one, file: "+key+"}]\n"+
				"signing: {rules: [{senders: [example.org], keys: [a]}]}\n")
			p := start(t, append([]string{"-config", config}, c.args...)...)
			page, _ := p.await(t, "serving inspector")["address"].(string)
			address, _ := p.await(t, "serving")["address"].(string)
			conn, err := mta.Dial(t.Context(), "inet:"+address, mta.Config{})
			require.NoError(t, err)
			assert.Contains(t, signature(t, conn), "s=one;")
			require.NoError(t, conn.Quit(t.Context()))
			require.Eventually(t, func() bool { // a message is recorded when its answer is on the way
				_, text := get(t, page, "/api/messages")
				return strings.Contains(text, `"edited_by":["dkim"]`)
			}, time.Minute, 10*time.Millisecond)
		})
	}
}
