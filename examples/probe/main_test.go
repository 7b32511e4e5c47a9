package main_test

import (
	"bytes"
	"encoding/json"
	"flag"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/sluicemail/sluice/framework/miltertest/testproc"
	"github.com/sluicemail/sluice/wire"
)

var update = flag.Bool("update", false, "rewrite the golden files")

// probe is the path of the built command.
var probe string

func TestMain(m *testing.M) {
	flag.Parse()
	dir, err := os.MkdirTemp("", "probe")
	if err != nil {
		panic(err)
	}
	if err := testproc.BuildInto(dir, "."); err != nil {
		panic(err)
	}
	probe = filepath.Join(dir, "probe")
	status := m.Run()
	_ = os.RemoveAll(dir)
	os.Exit(status)
}

// result is the result of a run of the command.
type result struct {
	status         int
	stdout, stderr string
}

func run(t *testing.T, stdin string, args ...string) result {
	t.Helper()
	var stdout, stderr bytes.Buffer
	cmd := exec.CommandContext(t.Context(), probe, args...)
	cmd.Stdin, cmd.Stdout, cmd.Stderr = strings.NewReader(stdin), &stdout, &stderr
	err := cmd.Run()
	if _, exited := err.(*exec.ExitError); err != nil && !exited { //nolint:errorlint // Run does not wrap
		require.NoError(t, err)
	}
	return result{cmd.ProcessState.ExitCode(), stdout.String(), stderr.String()}
}

// filter replies to each command as scripted, or else with Continue.
type filter struct {
	negotiate wire.Negotiate
	replies   map[wire.CommandCode][]wire.Reply
	noReply   map[wire.CommandCode]bool
}

// start serves the filter on a new socket and returns its address.
func (f *filter) start(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	t.Cleanup(func() { _ = l.Close() })
	go func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			f.serve(conn)
			_ = conn.Close()
		}
	}()
	return "inet:" + l.Addr().String()
}

func (f *filter) serve(conn net.Conn) {
	dec := wire.NewDecoder(new(wire.BufferPool), wire.DefaultLimit)
	for {
		frame, ok, err := dec.Next()
		switch {
		case err != nil:
			return
		case !ok:
			if _, err := dec.Fill(conn); err != nil {
				return
			}
		default:
			_, _ = conn.Write(f.answer(wire.CommandCode(frame.Code)))
		}
	}
}

func (f *filter) answer(code wire.CommandCode) []byte {
	var list []wire.Reply
	switch {
	case f.replies[code] != nil:
		list = f.replies[code]
	case code == wire.CmdOptNeg:
		list = []wire.Reply{&f.negotiate}
	case code == wire.CmdMacro, code == wire.CmdAbort, code == wire.CmdQuit, f.noReply[code]:
	default:
		list = []wire.Reply{&wire.BareReply{Code: wire.RepContinue}}
	}
	var out []byte
	for _, r := range list {
		var err error
		if out, err = r.Encode(out); err != nil {
			panic(err)
		}
	}
	return out
}

func editor() *filter {
	return &filter{
		negotiate: wire.Negotiate{
			Version: 6, Actions: wire.KnownActions,
			Protocol: wire.ProtoNoHelo | wire.ProtoNoUnknown | wire.ProtoNRHdr | wire.ProtoSkip,
			Macros:   []wire.MacroList{{Stage: wire.MacroEnvFrom, Names: "i {auth_authen}"}, {Stage: wire.MacroEOM, Names: "i"}},
		},
		noReply: map[wire.CommandCode]bool{wire.CmdHeader: true},
		replies: map[wire.CommandCode][]wire.Reply{wire.CmdBodyEOB: {
			&wire.BareReply{Code: wire.RepProgress},
			&wire.InsertHeader{Index: 1, Name: "X-Seen", Value: "by the filter"},
			&wire.ChangeHeader{Index: 1, Name: "Subject", Value: "changed"},
			&wire.DelRcpt{Recipient: "<c@example.net>"},
			&wire.ReplaceBody{Chunk: []byte("Another body\r\n")},
			&wire.BareReply{Code: wire.RepAccept},
		}},
	}
}

func refuser() *filter {
	reply := wire.SMTPReply{Text: "550-5.7.1 go \x1b[31maway\r\n550 5.7.1 100%%"} // other libraries let such texts pass
	return &filter{
		negotiate: wire.Negotiate{Version: 4, Protocol: wire.ProtoNoConnect},
		replies:   map[wire.CommandCode][]wire.Reply{wire.CmdMail: {&reply}},
	}
}

// golden compares output with a file in testdata. It first replaces the address
// of the filter, which differs from run to run.
func golden(t *testing.T, name, got, address string) {
	t.Helper()
	got = strings.ReplaceAll(got, address, "inet:9000@127.0.0.1")
	path := filepath.Join("testdata", name)
	if *update {
		require.NoError(t, os.WriteFile(path, []byte(got), 0o600))
	}
	want, err := os.ReadFile(path)
	require.NoError(t, err)
	assert.Equal(t, string(want), got)
}

func TestEdits(t *testing.T) {
	t.Parallel()
	address := editor().start(t)
	args := []string{
		"-milter", address, "-from", "a@example.org SIZE=100", "-rcpt", "<b@example.net>", "-rcpt", "c@example.net",
		"-helo", "client.example", "-client", "2001:db8::1", "-macro", "mail:auth_authen=me", "testdata/message.eml",
	}
	r := run(t, "", args...)
	assert.Equal(t, 0, r.status, r.stderr)
	golden(t, "edits.txt", r.stdout, address)

	r = run(t, "", append([]string{"-json"}, args...)...)
	assert.Equal(t, 0, r.status, r.stderr)
	assert.True(t, json.Valid([]byte(r.stdout)))
	golden(t, "edits.json", r.stdout, address)
}

func TestRefuses(t *testing.T) {
	t.Parallel()
	address := refuser().start(t)
	r := run(t, "Subject: x\n\nbody\n", "-milter", address, "-version", "4", "-mta", "sendmail", "-")
	assert.Equal(t, 0, r.status, r.stderr)
	assert.Empty(t, r.stderr)
	golden(t, "refuses.txt", r.stdout, address)
	golden(t, "refuses.json", run(t, "", "-json", "-milter", address, "-version", "4", "-").stdout, address)
}

func TestMilterFails(t *testing.T) {
	t.Parallel()
	nobody := "unix:" + filepath.Join(t.TempDir(), "none")
	tooMuch := (&filter{negotiate: wire.Negotiate{Version: 6, Protocol: wire.ProtoMDS1M}}).start(t)
	stray := (&filter{
		negotiate: wire.Negotiate{Version: 6},
		replies:   map[wire.CommandCode][]wire.Reply{wire.CmdAbort: {&wire.BareReply{Code: wire.RepContinue}}},
	}).start(t)
	mute := (&filter{negotiate: wire.Negotiate{Version: 6}, noReply: map[wire.CommandCode]bool{wire.CmdRcpt: true}}).start(t)
	for address, want := range map[string]string{
		nobody:  "no such file",
		tooMuch: "protocol bits that were not offered: SMFIP_MDS_1M",
		stray:   "a reply that was not due",
		mute:    "no answer to SMFIC_RCPT in time",
	} {
		r := run(t, "", "-timeout", "2s", "-milter", address, "testdata/message.eml")
		assert.Equal(t, 1, r.status)
		assert.Contains(t, r.stderr, want)
		assert.Equal(t, 1, strings.Count(r.stderr, "\n"))
		assert.Equal(t, address != nobody, strings.Contains(r.stdout, "offered version 6"), "it dials before it offers anything")
		assert.NotContains(t, r.stdout, "Verdict")

		r = run(t, "", "-json", "-timeout", "2s", "-milter", address, "testdata/message.eml")
		assert.Equal(t, 1, r.status)
		var report struct{ Error string }
		require.NoError(t, json.Unmarshal([]byte(r.stdout), &report))
		assert.Contains(t, report.Error, want)
	}
}

func TestBadFlags(t *testing.T) {
	t.Parallel()
	ok := []string{"-milter", "inet:1@127.0.0.1"}
	for _, args := range [][]string{
		{},
		{"testdata/message.eml"},
		ok,
		append(ok, "one", "two"),
		append(ok, "testdata/none.eml"),
		append(ok, "-version", "7", "-"),
		append(ok, "-version", "x", "-"),
		append(ok, "-client", "localhost", "-"),
		append(ok, "-macro", "mail", "-"),
		append(ok, "-macro", "mail:=x", "-"),
		append(ok, "-macro", "noon:i=x", "-"),
		append(ok, "-mta", "exim", "-"),
		append(ok, "-timeout", "0s", "-"),
		append(ok, "-nonsense", "-"),
		{"-milter", "nonsense:x", "-"},
	} {
		r := run(t, "", args...)
		assert.Equal(t, 2, r.status, args)
		assert.Equal(t, 1, strings.Count(r.stderr, "\n"), args)
		assert.Empty(t, r.stdout, args)
	}
}

// As the help says, -version is the version of the protocol.
func TestVersion(t *testing.T) {
	t.Parallel()
	r := run(t, "", "-V")
	assert.Equal(t, 0, r.status)
	assert.Empty(t, r.stderr)
	assert.Regexp(t, `^probe \S+ go1\.\S+\n$`, r.stdout)
}
