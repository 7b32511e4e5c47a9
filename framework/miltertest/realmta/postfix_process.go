package realmta

import (
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"
)

// startTries is how often a port is chosen anew: somebody else may take it
// between the moment it was found free and the moment Postfix binds it.
const startTries = 3

// start starts the server. "postfix start" returns when the port is open, so
// there is no need to connect to it; a connection would disturb the filters.
func (p *Postfix) start(t testing.TB) {
	t.Helper()
	guard := p.guard(t)
	t.Cleanup(func() { guard.stopServer(t) })
	var err error
	for range startTries {
		if err = p.startOnce(); err == nil {
			return
		}
	}
	t.Fatalf("realmta: %v\n%s", err, p.Log())
}

func (p *Postfix) startOnce() error {
	var err error
	if p.addr, err = freeAddr(); err != nil {
		return err
	}
	if err := p.writeConfig(); err != nil {
		return err
	}
	return p.command("start")
}

// Reconfigure sets parameters of main.cf, reloads, and returns when every new
// SMTP connection is served with them. Connections that are open keep what
// they began with.
func (p *Postfix) Reconfigure(t testing.TB, params map[string]string) {
	t.Helper()
	const reloaded = "reload -- version"
	before := strings.Count(p.Log(), reloaded)
	maps.Copy(p.params, params)
	if err := p.writeConfig(); err != nil {
		t.Fatalf("realmta: %v", err)
	}
	reload := func() bool { return strings.Count(p.Log(), reloaded) > before }
	for end := time.Now().Add(waitLimit); time.Now().Before(end); {
		if err := p.hangUp(); err != nil {
			t.Fatalf("realmta: %v", err)
		}
		// Under load a signal was lost, or the line about it.
		if poll(2*time.Second, reload) {
			return
		}
	}
	t.Fatalf("realmta: Postfix has not reloaded after %v", waitLimit)
}

// hangUp makes the master read its configuration anew. That is what "postfix
// reload" does too, after a check of the queue that takes a second.
func (p *Postfix) hangUp() error {
	text, err := os.ReadFile(filepath.Join(p.QueueDir(), "pid", "master.pid"))
	if err != nil {
		return err
	}
	pid, err := strconv.Atoi(strings.TrimSpace(string(text)))
	if err != nil {
		return err
	}
	master, err := os.FindProcess(pid)
	if err != nil {
		return err
	}
	return master.Signal(syscall.SIGHUP)
}

// SetMilters has Reconfigure set the list of filters.
func (p *Postfix) SetMilters(t testing.TB, milters ...string) {
	t.Helper()
	p.Reconfigure(t, map[string]string{"smtpd_milters": strings.Join(milters, ", ")})
}

// command runs "postfix start" and the like on this server.
func (p *Postfix) command(name string) error {
	ctx, cancel := context.WithTimeout(context.Background(), waitLimit)
	defer cancel()
	cmd := exec.CommandContext(ctx, "postfix", "-c", p.ConfigDir(), name)
	// A daemon that inherits the pipe must not keep the test waiting.
	cmd.WaitDelay = time.Second
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("postfix %s: %w\n%s", name, err, out)
	}
	return nil
}

// guardScript waits for a line that asks it to stop the server, or for the end
// of its input: then the test's process is gone without a word, and the
// directory goes too. The mail is thrown away anyhow, so all processes of the
// server's group are killed, which is done at once; a polite stop takes seconds.
// The kill is repeated, for a process that was being forked, but not for long:
// the dead are listed until init has collected them.
const guardScript = `trap '' INT HUP TERM
read -r order || order=abandoned
master=$(tr -d ' ' <"$1/queue/pid/master.pid" 2>/dev/null)
if [ -n "$master" ]; then
	tries=20
	while kill -s KILL -- "-$master" 2>/dev/null && [ $((tries -= 1)) -gt 0 ]; do sleep 0.01; done
fi
[ "$order" = stop ] || rm -rf "$1"
exit 0
`

// guard is a process that outlives this one just long enough to stop Postfix.
type guard struct {
	cmd    *exec.Cmd
	orders io.WriteCloser
}

func (p *Postfix) guard(t testing.TB) *guard {
	t.Helper()
	cmd := exec.Command("sh", "-c", guardScript, "realmta-guard", filepath.Clean(p.dir))
	orders, err := cmd.StdinPipe()
	if err != nil {
		t.Fatalf("realmta: %v", err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatalf("realmta: %v", err)
	}
	return &guard{cmd: cmd, orders: orders}
}

// stopServer has the server stopped and returns when it is gone.
func (g *guard) stopServer(t testing.TB) {
	t.Helper()
	expired := time.AfterFunc(waitLimit, func() { _ = g.cmd.Process.Kill() })
	defer expired.Stop()
	_, err := io.WriteString(g.orders, "stop\n")
	if err = errors.Join(err, g.orders.Close(), g.cmd.Wait()); err != nil {
		t.Errorf("realmta: stopping Postfix: %v", err)
	}
}
