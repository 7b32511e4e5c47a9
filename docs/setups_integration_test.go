//go:build integration

package docs_test

import (
	"errors"
	"io/fs"
	"net"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/sluicemail/sluice/docs/internal/walk"
	"github.com/sluicemail/sluice/framework/miltertest/realmta"
	"github.com/sluicemail/sluice/framework/miltertest/testproc"
)

// TestSetUps follows each block of commands that puts one of the daemons behind
// Postfix, with other folders and ports. Postfix runs in a chroot, as on Debian.
// The test is systemd: it starts the units. Mail must pass the daemon, and must
// be deferred once the daemon is gone.
func TestSetUps(t *testing.T) {
	t.Parallel()
	fields := map[string]string{"headerd": "X-Client: ", "dkimd": "DKIM-Signature: v=1; a=rsa-sha256", "sluiced": "X-Received-From: ", "fxapp": "X-Filtered-By: ", "addheaderip": "X-Client-IP: "}
	found := map[string]int{}
	for page, text := range pages(t) {
		if !strings.HasPrefix(page, "examples/") && page != "docs/deploy/README.md" {
			continue
		}
		for _, block := range walk.Parse(text) {
			if !strings.Contains(block.Text, "\npostconf -e ") {
				continue
			}
			name := regexp.MustCompile(`examples/(\w+)`).FindStringSubmatch(block.Text)[1]
			found[name]++
			t.Run(page+"/"+name, func(t *testing.T) {
				t.Parallel()
				s := newSetUp(t)
				for line := range strings.Lines(block.Text) {
					s.follow(t, strings.TrimSpace(line))
				}
				s.startUnits(t)
				s.check(t, block.Text, fields[name])
			})
		}
	}
	for _, name := range []string{"headerd", "dkimd", "sluiced"} {
		assert.Equal(t, 2, found[name], "%s: README, and docs/deploy", name)
	}
}

// setUp is a host for the commands of a page.
type setUp struct {
	*place
	postfix *realmta.Postfix
	moved   map[string]bool // the installed files whose paths were replaced
	daemons []*testproc.Process
}

// stubs are scripts that do to the test's Postfix what commands of these names do
// to the host.
var stubs = map[string]string{
	"postconf":  `exec /usr/sbin/postconf -c "$CONFIG" "$@"`,
	"postfix":   `exec /usr/sbin/postfix -c "$CONFIG" "$@"`,
	"useradd":   `exit 0`,
	"systemctl": `case "$*" in "reload postfix") exec postfix reload;; "enable --now "*) shift 2; echo "$@" >>"$ENABLED";; daemon-reload) ;; *) exit 1;; esac`,
}

func newSetUp(t *testing.T) *setUp {
	t.Helper()
	postfix := realmta.StartPostfix(t, realmta.PostfixConfig{Chroot: true})
	s := &setUp{place: newPlace(t, postfix.QueueDir()), postfix: postfix, moved: map[string]bool{}}
	for _, sub := range []string{"bin", "stubs", "units", "work", "dkimd.d", "headerd.d", "sluiced.d"} {
		require.NoError(t, os.Mkdir(filepath.Join(s.dir, sub), 0o755))
	}
	for name, script := range stubs {
		require.NoError(t, os.WriteFile(filepath.Join(s.dir, "stubs", name), []byte("#!/bin/sh\n"+script+"\n"), 0o755))
	}
	examples, err := filepath.Abs("../examples")
	require.NoError(t, err)
	require.NoError(t, os.Symlink(examples, filepath.Join(s.dir, "work", "examples")))
	require.NoError(t, os.WriteFile(filepath.Join(s.dir, "work", "denylist.txt"), []byte("denied.example\n"), 0o600))
	return s
}

// follow runs a line of a page. A daemon goes on in the background.
func (s *setUp) follow(t *testing.T, line string) {
	t.Helper()
	name, args, _ := strings.Cut(line, " ")
	if rest, ok := strings.CutPrefix(line, "go run ./examples/"); ok {
		name, args, _ = strings.Cut(rest, " ")
		if err := os.Symlink(example(t, name), filepath.Join(s.dir, "bin", name)); !errors.Is(err, fs.ErrExist) {
			require.NoError(t, err) // headerd is run twice
		}
	}
	switch {
	case strings.HasPrefix(line, "dkimd testkey "):
		return // it needs the DNS
	case strings.HasPrefix(line, "go run ") && !strings.Contains(args, "-check"), strings.Contains(args, "-listen "):
		if !strings.Contains(args, "inet:9000") {
			args += " -listen inet:9000@127.0.0.1" // the default
		}
		s.background(t, name, s.move(args))
	case strings.HasPrefix(line, "go run "):
		s.run(t, name+" "+args)
	default:
		s.run(t, line)
	}
}

// run runs a command in the repository, and replaces the paths in what it
// installs.
func (s *setUp) run(t *testing.T, line string) {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), "sh", "-ec", s.move(line))
	cmd.Dir = ".."
	cmd.Env = append(os.Environ(), "CONFIG="+s.postfix.ConfigDir(), "ENABLED="+filepath.Join(s.dir, "enabled"),
		"PATH="+filepath.Join(s.dir, "stubs")+":"+filepath.Join(s.dir, "bin")+":"+os.Getenv("PATH"))
	out, err := cmd.CombinedOutput()
	require.NoError(t, err, "%s\n%s", line, out)
	for _, pattern := range []string{"*.d/*.yaml", "units/*"} {
		files, err := filepath.Glob(filepath.Join(s.dir, pattern))
		require.NoError(t, err)
		for _, file := range files {
			if s.moved[file] {
				continue
			}
			s.moved[file] = true
			text, err := os.ReadFile(file)
			require.NoError(t, err)
			require.NoError(t, os.WriteFile(file, []byte(s.move(string(text))), 0o600)) // keeps the mode
		}
	}
}

// background starts a daemon and returns once it accepts connections.
func (s *setUp) background(t *testing.T, name, args string) {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), "sh", "-c", "exec "+filepath.Join(s.dir, "bin", name)+" "+args)
	cmd.Dir = filepath.Join(s.dir, "work")
	p := testproc.Start(t, cmd)
	s.daemons = append(s.daemons, p)
	require.Eventually(t, func() bool {
		conn, err := net.Dial("tcp", "127.0.0.1:"+s.port)
		if err == nil {
			_ = conn.Close()
		}
		return err == nil
	}, testproc.Patience, 10*time.Millisecond, p.Stderr)
}

// startUnits starts the services that the page enabled, as systemd does.
func (s *setUp) startUnits(t *testing.T) {
	t.Helper()
	enabled, _ := os.ReadFile(filepath.Join(s.dir, "enabled"))
	for unit := range strings.FieldsSeq(string(enabled)) {
		if name, ok := strings.CutSuffix(unit, ".service"); ok {
			s.startService(t, name)
		}
	}
}

func (s *setUp) startService(t *testing.T, name string) {
	t.Helper()
	read := func(ext string) string {
		text, err := os.ReadFile(filepath.Join(s.dir, "units", name+ext))
		require.NoError(t, err)
		return string(text)
	}
	socket, service := read(".socket"), read(".service")
	path := regexp.MustCompile(`(?m)^ListenStream=(.*)$`).FindStringSubmatch(socket)[1]
	start := regexp.MustCompile(`(?m)^ExecStart=(.*)$`).FindStringSubmatch(service)[1]
	runtime := filepath.Join(s.dir, regexp.MustCompile(`(?m)^RuntimeDirectory=(.*)$`).FindStringSubmatch(service)[1])
	nobody, err := user.Lookup("nobody") // in place of the service's user
	require.NoError(t, err)
	uid, err := strconv.ParseUint(nobody.Uid, 10, 32)
	require.NoError(t, err)
	require.NoError(t, os.Mkdir(runtime, 0o755))
	require.NoError(t, os.Chown(runtime, int(uid), -1))
	f, err := s.socketUnit(t, socket, path).File()
	require.NoError(t, err)
	defer func() { _ = f.Close() }()
	cmd := exec.CommandContext(t.Context(), "sh", "-c", "LISTEN_PID=$$ exec "+start)
	cmd.Env = append(os.Environ(), "LISTEN_FDS=1", "LISTEN_FDNAMES=milter")
	cmd.ExtraFiles = []*os.File{f}
	cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: uint32(uid), Gid: uint32(uid)}}
	p := testproc.Start(t, cmd)
	s.daemons = append(s.daemons, p)
	p.Await(t, "msg=serving")
}

// check sends mail through the daemon, and once more after its end.
func (s *setUp) check(t *testing.T, text, field string) {
	t.Helper()
	if !strings.Contains(text, " reload") {
		s.run(t, "postfix reload")
	}
	s.postfix.AwaitLog(t, "reload -- version")
	require.Len(t, s.daemons, 1)
	send := func(to string) (int, string) {
		client := realmta.DialSMTP(t, s.postfix.Addr())
		defer client.Cmd("QUIT") // a client that stays keeps the daemon from ending
		client.Cmd("EHLO client.example.test")
		return client.Deliver(realmta.Message{
			From: "ann@example.org", To: []string{to},
			Data: []byte("From: ann@example.org\r\nDate: Sun, 29 Nov 2026 12:00:00 +0000\r\nSubject: hello\r\n\r\nhi\r\n"),
		})
	}
	const gone = "Service unavailable"
	code, reply := send("bob@example.test")
	assert.NotContains(t, reply, gone, code)
	if field != "" {
		require.Equal(t, 250, code, reply)
		got := s.postfix.Sink().Await(t, realmta.ToRecipient("bob@example.test"))
		assert.Contains(t, string(got.Data), field)
	}
	if strings.Contains(text, "non_smtpd_milters") {
		s.run(t, `printf 'From: ann@example.org\nSubject: local\n\nhi\n' | /usr/sbin/sendmail -C "$CONFIG" -f ann@example.org carol@example.test`)
		got := s.postfix.Sink().Await(t, realmta.ToRecipient("carol@example.test"))
		assert.Contains(t, string(got.Data), field)
	}
	assert.NotContains(t, s.postfix.Log(), "warning: connect to Milter service")
	s.daemons[0].Signal(t, syscall.SIGTERM)
	require.NoError(t, s.daemons[0].Wait(t), s.daemons[0].Stderr)
	code, reply = send("dan@example.test")
	assert.Equal(t, 451, code)
	assert.Contains(t, reply, gone, "the mail went to the daemon, and not past it")
}
