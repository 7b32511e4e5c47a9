package realmta

import (
	"cmp"
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
)

const (
	// releaseVariable is the environment variable that names the Debian
	// release whose servers run, such as "trixie".
	releaseVariable = "SLUICE_RELEASE"
	// cacheVariable is the environment variable that overrides the
	// directory of the releases' folders, for the tests and for .ci/mtas.
	cacheVariable = "SLUICE_MTA_CACHE"
)

// release is where the servers' programs are. The zero value is this host.
type release struct {
	root string // the folder of another Debian release, or "" for this host
}

// findRelease returns the release that the environment names. It does not check
// which servers the folder contains.
func findRelease(getenv func(string) string) (release, error) {
	name := getenv(releaseVariable)
	if name == "" {
		return release{}, nil
	}
	if name != filepath.Base(name) || strings.HasPrefix(name, ".") {
		return release{}, fmt.Errorf("%s=%s is not the name of a Debian release", releaseVariable, name)
	}
	if os.Geteuid() != 0 {
		return release{}, fmt.Errorf("%s=%s: only root can run servers in a folder", releaseVariable, name)
	}
	for _, command := range []string{"unshare", "mount", "chroot"} {
		if _, err := exec.LookPath(command); err != nil {
			return release{}, fmt.Errorf("%s=%s: running servers in a folder requires the command %s: %w",
				releaseVariable, name, command, err)
		}
	}
	cache, err := cacheDir(getenv)
	if err != nil {
		return release{}, fmt.Errorf("%s=%s: %w", releaseVariable, name, err)
	}
	root := filepath.Join(cache, name)
	if _, err := os.Stat(filepath.Join(root, "etc/debian_version")); err != nil {
		return release{}, fmt.Errorf("%s=%s: there is no such folder (run \"make mtas RELEASE=%s\" as root): %w",
			releaseVariable, name, name, err)
	}
	return release{root}, nil
}

// cacheDir returns the directory of the releases' folders, as .ci/mtas chooses
// it.
func cacheDir(getenv func(string) string) (string, error) {
	if dir := getenv(cacheVariable); dir != "" {
		return filepath.Abs(dir)
	}
	home := getenv("HOME")
	if home == "" && getenv("XDG_CACHE_HOME") == "" {
		return "", fmt.Errorf("none of %s, XDG_CACHE_HOME and HOME is set", cacheVariable)
	}
	return filepath.Join(cmp.Or(getenv("XDG_CACHE_HOME"), filepath.Join(home, ".cache")), "sluice"), nil
}

// path returns where the host finds a file of the release.
func (r release) path(file string) string { return filepath.Join(r.root, file) }

// remedy says how to get a program that is missing. If it is missing on this
// host, that is onHost.
func (r release) remedy(onHost string) string {
	if r.root == "" {
		return onHost
	}
	return "run \"make mtas\" as root, after removing " + r.root
}

// enterScript runs a command in a folder, as the last step of a new mount
// namespace. The kernel removes the mounts when the last process of the
// namespace has ended: the command, or a daemon that it started.
//
// The test and the server see the same /tmp, so that paths below it mean the
// same to both: the server's configuration, queue, log and sockets. The server
// resolves names as the host does. If the host has the servers' users, users and
// groups have the host's numbers, so that a test can give a socket to a group.
// Nothing can change the folder itself.
const enterScript = `set -e
root=$1
shift
mount --bind "$root" "$root"
mount -o remount,bind,ro "$root"
for dir in dev proc tmp; do mount --rbind "/$dir" "$root/$dir"; done
files="etc/hosts etc/resolv.conf"
if grep -q ^postfix: /etc/passwd && grep -q ^smmta: /etc/passwd; then files="$files etc/passwd etc/group"; fi
for file in $files; do
	if [ -e "/$file" ]; then mount --bind "/$file" "$root/$file"; fi
done
exec chroot "$root" "$@"
`

// words returns the words of a command that runs a program of the release. The
// program keeps the process number of the command.
func (r release) words(program string, args ...string) []string {
	words := append([]string{program}, args...)
	if r.root == "" {
		return words
	}
	enter := []string{"unshare", "--mount", "--propagation", "private", "sh", "-c", enterScript, "realmta-enter", r.root}
	return append(enter, words...)
}

// command returns a command that runs a program of the release.
func (r release) command(ctx context.Context, program string, args ...string) *exec.Cmd {
	words := r.words(program, args...)
	return exec.CommandContext(ctx, words[0], words[1:]...)
}
