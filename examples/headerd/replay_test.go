package main_test

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/sluicemail/sluice/contrib/headers"
	main "github.com/sluicemail/sluice/examples/headerd"
	"github.com/sluicemail/sluice/examples/internal/replaying"
	"github.com/sluicemail/sluice/framework"
	"github.com/sluicemail/sluice/framework/miltertest"
	"github.com/sluicemail/sluice/wire/mta"
)

// A changed file says what it would have done to recorded mail.
func TestReplay(t *testing.T) {
	t.Parallel()
	folder := t.TempDir()
	file := func(text string) string {
		path := filepath.Join(t.TempDir(), "headerd.yaml")
		require.NoError(t, os.WriteFile(path, []byte(text), 0o600))
		return path
	}
	const rules = "rules:\n  - do: [{add: {name: X-Checked, value: \"yes\"}}]\n  - do: [{delete: {name: X-Secret}}]\n"
	old := file(rules)
	cfg, err := headers.Load(old)
	require.NoError(t, err)
	f, err := headers.NewReloadable(cfg)
	require.NoError(t, err)
	r := framework.NewRouter()
	r.Mount(f)
	var msgs []*mta.Message
	for i := range 10 {
		text := "Subject: hello\n"
		if i%5 == 0 {
			text += "X-Secret: 1\nX-Other: 1\n"
		}
		msgs = append(msgs, miltertest.Message(text+"\n.\n", miltertest.QueueID(fmt.Sprint("Q", i))))
	}
	require.NoError(t, replaying.Record(t.Context(), folder, r, mta.Config{}, msgs...))
	for name, c := range map[string]struct {
		args   []string
		status int
		out    string
		err    string
	}{
		"the same": {[]string{"-config", old}, 0, "0 of 10 messages would be treated differently\n", ""},
		"another field deleted": {
			[]string{"-config", file(rules + "  - do: [{delete: {name: X-Other}}]\n")},
			4,
			"2 of 10 messages would be treated differently:\n      2  header: Q0, Q5\n", "",
		},
		"another field deleted, which is left out": {[]string{"-config", file(rules + "  - do: [{delete: {name: X-Other}}]\n"), "-ignore", "X-Other"}, 0, "0 of 10", ""},
		"another value": {[]string{"-config", file("rules:\n  - do: [{add: {name: X-Checked, value: \"no\"}}]\n  - do: [{delete: {name: X-Secret}}]\n")}, 4, "10 of 10 messages", ""},
		"mistakes":      {[]string{"-config", file("rules: 3\n")}, 1, "", "want a list"},
		"no records":    {[]string{"-config", old, "-replay", t.TempDir()}, 1, "", "has no records"},
		"no folder":     {[]string{"-config", old, "-replay", folder + "/none"}, 1, "", "no such file"},
		"no field":      {[]string{"-config", old, "-ignore", ":t"}, 2, "", "want the name of a field"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var stdout, stderr bytes.Buffer
			status := main.Run(append([]string{"-check", "-replay", folder}, c.args...), &stdout, &stderr)
			assert.Equal(t, c.status, status, stdout.String()+stderr.String())
			assert.Contains(t, stdout.String(), c.out)
			assert.Contains(t, stderr.String(), c.err)
		})
	}
	for _, args := range [][]string{
		{"-config", old, "-replay", folder}, {"-config", old, "-check", "-offline"}, {"-config", old, "-check", "-assume"},
	} {
		assert.Equal(t, 2, main.Run(args, new(bytes.Buffer), new(bytes.Buffer)), args)
	}
}
