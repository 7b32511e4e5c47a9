package peers

import (
	"context"
	"fmt"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"

	"github.com/sluicemail/sluice/framework/benchmarks/internal/workload"
)

// The servers. Null is the baseline for the others.
const (
	Null      = "null"
	Sluice    = "sluice"
	Emersion  = "emersion"
	Libmilter = "libmilter"
	Pymilter  = "pymilter"
)

// Recorded is Sluice with the recorder of package inspect. It is not one of Servers: name it
// to measure it beside Sluice.
const Recorded = "sluice-recorded"

// Authenticate is a server that authenticates mail. It runs no workload.
const Authenticate = "authenticate"

// Servers returns all servers.
func Servers() []string { return []string{Null, Sluice, Emersion, Libmilter, Pymilter} }

const module = "github.com/sluicemail/sluice/framework/benchmarks"

// binaries are the command lines of the servers, by name.
type binaries map[string][]string

// build compiles the servers into dir.
func build(ctx context.Context, dir string, servers []string) (binaries, error) {
	root, err := output(ctx, "", "go", "list", "-m", "-f", "{{.Dir}}", module)
	if err != nil {
		return nil, err
	}
	out := make(binaries)
	for _, name := range servers {
		source, target := filepath.Join(root, "servers", name), filepath.Join(dir, name)
		switch name {
		case Null, Sluice, Emersion, Authenticate:
			_, err = output(ctx, root, "go", "build", "-o", target, "./servers/"+name)
			out[name] = []string{target}
		case Recorded:
			_, err = output(ctx, root, "go", "build", "-o", target, "./servers/"+Sluice)
			out[name] = []string{target, "-record"}
		case Libmilter:
			_, err = output(ctx, source, "gcc", "-O2", "-o", target, "libmilter.c", "-lmilter", "-lpthread", "-lcrypto")
			out[name] = []string{target}
		case Pymilter: // Debian's Python, for which its package is built
			out[name] = []string{"/usr/bin/python3", filepath.Join(source, "pymilter.py")}
		default:
			err = fmt.Errorf("unknown server %q", name)
		}
		if err != nil {
			return nil, err
		}
	}
	return out, nil
}

func output(ctx context.Context, dir, name string, args ...string) (string, error) {
	cmd := exec.CommandContext(ctx, name, args...) //nolint:gosec // the commands are above
	cmd.Dir = dir
	text, err := cmd.CombinedOutput()
	if err != nil {
		return "", fmt.Errorf("%s %s: %w\n%s", name, strings.Join(args, " "), err, text)
	}
	return strings.TrimSpace(string(text)), nil
}

// plays returns the workload that a server runs if w is measured. It returns
// false if the server cannot run w. The baseline of the workload with
// middleware is the null server without middleware.
func plays(server string, w workload.Name) (workload.Name, bool) {
	if w != workload.W1MW || server == Sluice || server == Recorded {
		return w, true
	}
	return workload.W1, server == Null
}

// inGo reports whether a server is written in Go and can report its
// allocations.
func inGo(server string) bool {
	return slices.Contains([]string{Null, Sluice, Recorded, Emersion}, server)
}
