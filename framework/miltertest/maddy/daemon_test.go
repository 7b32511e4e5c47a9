package maddy_test

import (
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"testing"

	"github.com/sluicemail/sluice/contrib/dkim"
	"github.com/sluicemail/sluice/framework/miltertest/testproc"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/sluicemail/sluice/framework/miltertest/maddy"
)

// TestDkimd runs the daemon dkimd behind Maddy over a unix socket, as an administrator
// does. It signs; mode "both" would need what Maddy does not grant.
func TestDkimd(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	build := append([]string{"build", "-C", "../../..", "-ldflags=-w", "-o", dir}, testproc.RaceFlags()...)
	out, err := exec.Command("go", append(build, "./examples/dkimd")...).CombinedOutput()
	require.NoError(t, err, string(out))
	list, z := keys(t)
	require.NoError(t, dkim.SaveKey(filepath.Join(dir, "rsa.pem"), list[0].Signer))
	socket, file := filepath.Join(dir, "dkimd.sock"), filepath.Join(dir, "dkimd.yaml")
	require.NoError(t, os.WriteFile(file, []byte("mode: sign\n"+
		"trust: {networks: [127.0.0.0/8]}\n"+
		"keys: [{name: k, domain: example.org, selector: rsa, file: "+filepath.Join(dir, "rsa.pem")+"}]\n"+
		"signing: {rules: [{senders: [example.org], keys: [k]}]}\n"), 0o600))
	daemon := testproc.Start(t, exec.Command(filepath.Join(dir, "dkimd"), "-config", file, "-listen", "unix:"+socket))
	daemon.Await(t, "serving")

	b := behind{Server: maddy.Start(t, program, &net.UnixAddr{Name: socket, Net: "unix"})}
	code, text, delivered := b.send(t, "bob@example.test", "From: ann@example.org\nSubject: hello\n\nbody\n")
	require.Equal(t, 250, code, text)
	assert.Equal(t, []string{"pass"}, dkimpy(t, z, delivered))
	daemon.Signal(t, syscall.SIGTERM)
	assert.NoError(t, daemon.Wait(t))
}
