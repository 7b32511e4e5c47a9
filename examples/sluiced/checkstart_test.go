package main_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// TestCheckSaysWhatTheStartSays refuses with -check what the start refuses, in the same words and
// with the place: the file, the line and the column, or the name of the flag.
func TestCheckSaysWhatTheStartSays(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	file := filepath.Join(dir, "file")
	require.NoError(t, os.WriteFile(file, []byte("x"), 0o600))
	for name, c := range map[string]struct {
		text string
		args []string
		want string // FILE is the configuration
	}{
		"port":                   {"listen: [\"inet:smtp@127.0.0.1\"]\n", nil, "FILE:1:10: framework: address \"inet:smtp@127.0.0.1\": the port is no number from 0 to 65535"},
		"two of them":            {"listen:\n- inet6:0@127.0.0.1\n- inet:0@127.0.0.1?x=y\n", nil, "FILE:2:3: framework: address \"inet6:0@127.0.0.1\": 127.0.0.1 is no IPv6 address\nsluiced: FILE:3:3: framework: address \"inet:0@127.0.0.1?x=y\": option x"},
		"certificates":           {"listen: [\"tls:inet:0@127.0.0.1?cert=" + file + "&key=" + file + "\"]\n", nil, "FILE:1:10: framework: address \"tls:inet:0@127.0.0.1?cert=" + file + "&key=" + file + "\": " + file + " and " + file + ": "},
		"no socket":              {"listen: [\"unix:" + file + "\"]\n", nil, "FILE:1:10: framework: address \"unix:" + file + "\": " + file + " exists and is no socket"},
		"group":                  {"listen: [\"unix:" + dir + "/s?group=no-such-group\"]\n", nil, "FILE:1:10: framework: address \"unix:" + dir + "/s?group=no-such-group\": option group"},
		"folder":                 {"listen: [\"unix:" + dir + "/none/s\"]\n", nil, "FILE:1:10: framework: address \"unix:" + dir + "/none/s\": stat " + dir + "/none: no such file"},
		"twice":                  {"listen: [\"unix:" + dir + "/s\",\n \"unix:" + dir + "/./s\"]\n", nil, "FILE:2:2: listen unix:" + dir + "/s and listen unix:" + dir + "/./s are the same address"},
		"flag":                   {"listen: [\"inet:0\"]\n", []string{"-listen", "inet:smtp"}, "-listen: framework: address \"inet:smtp\": the port is no number from 0 to 65535"},
		"flag twice":             {"{}\n", []string{"-listen", "inet:1", "-listen", "inet:127.0.0.1:1"}, "-listen: listen inet:1 and listen inet:127.0.0.1:1 are the same address"},
		"metrics":                {"metrics: 127.0.0.1:x\n", nil, "FILE:1:10: metrics \"127.0.0.1:x\": the port is neither a number"},
		"metrics, no IP address": {"metrics: 127.0.0.256:1\n", nil, "FILE:1:10: metrics \"127.0.0.256:1\": 127.0.0.256 is no IP address"},
		"metrics and listen":     {"metrics: localhost:1\nlisten: [\"inet:1@127.0.0.1\"]\n", nil, "listen inet:1@127.0.0.1 and metrics localhost:1 are the same address"},
		"metrics and inspect":    {"metrics: \":1\"\ninspect: {address: \"127.0.0.1:1\"}\n", nil, "metrics :1 and inspect 127.0.0.1:1 are the same address"},
		"inspect":                {"inspect: {address: \"unix:" + file + "\"}\n", nil, "FILE:1:20: inspect unix:" + file + ": framework: address \"unix:" + file + "\": " + file + " exists and is no socket"},
		"token":                  {"inspect: {address: \"127.0.0.1:0\", token_file: " + dir + "/none}\n", nil, "FILE:1:20: inspect 127.0.0.1:0: token_file: "},
		"folder of inspect":      {"inspect: {address: \"127.0.0.1:0\", folder: " + file + "/a/b}\n", nil, "FILE:1:20: inspect 127.0.0.1:0: folder " + file + "/a/b: " + file + " is not a folder"},
		"flag inspect":           {"inspect: {address: \"127.0.0.1:0\"}\n", []string{"-inspect", "unix:" + dir + "/s?x=y"}, "inspect unix:" + dir + "/s?x=y: framework: address \"unix:" + dir + "/s?x=y\": option x"},
		"PID file":               {"{}\n", []string{"-handover", dir + "/none/pid"}, "-handover: stat " + dir + "/none: no such file"},
		"PID file is a folder":   {"{}\n", []string{"-handover", dir}, "-handover: " + dir + " is a folder"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			config := write(t, "sluiced.yaml", c.text)
			args := append([]string{"-config", config, "-log-level", "error"}, c.args...)
			status, stdout, stderr := run(t, append(args, "-check")...)
			assert.Equal(t, 1, status)
			assert.Empty(t, stdout)
			assert.Contains(t, stderr, "sluiced: "+strings.ReplaceAll(c.want, "FILE", config))
			status, _, start := run(t, args...)
			assert.Equal(t, 1, status)
			assert.Equal(t, stderr, start)
		})
	}
}

// TestCheckBesideRunning accepts the addresses of a process that runs, and what is there at the
// start only. It opens and creates nothing.
func TestCheckBesideRunning(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	port := busy(t)
	config := write(t, "sluiced.yaml", "listen: [\"inet:"+port+"@127.0.0.1\", \"unix:"+dir+"/s\", \"unix:/run/no-such-folder/s\", \"fd:milter\", \"inet:0\", \"inet:0\", \"inet6:"+port+"\"]\n"+
		"metrics: 127.0.0.2:"+port+"\ninspect: {address: \"[::1]:0\", folder: "+dir+"/records}\nfilters: [{authenticate: {}}]\n")
	must(t, "-check", "-config", config, "-handover", "/run/no-such-folder/pid")
	must(t, "-check", "-config", write(t, "wrong.yaml", "listen: [\"inet:smtp\"]\nfilters: [{authenticate: {}}]\n"), "-listen", "inet:0")
	entries, err := os.ReadDir(dir)
	require.NoError(t, err)
	assert.Empty(t, entries)
}
