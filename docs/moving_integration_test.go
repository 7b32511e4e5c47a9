//go:build integration

package docs_test

import (
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/sluicemail/sluice/docs/internal/walk"
	"github.com/sluicemail/sluice/wire"
	"github.com/sluicemail/sluice/wire/mta"
)

// TestMovedFilters runs both filters of a page, before and after the move, and
// compares the results for the same mail.
func TestMovedFilters(t *testing.T) {
	t.Parallel()
	for page, before := range map[string]func(*testing.T, string) *exec.Cmd{
		"howto/moving-from-go-milter.md":    goMilter("moving"),
		"howto/moving-from-dj-go-milter.md": goMilter("movingdj"),
		"howto/moving-from-pymilter.md":     pymilter,
	} {
		t.Run(page, func(t *testing.T) {
			t.Parallel()
			old, moved := blocksOfMove(t, page)
			want := outcomes(t, before, old)
			require.Len(t, want, 3)
			assert.Contains(t, want[0], "Subject: [ext] hello\r\nX-Client: 192.0.2.1\r\n")
			assert.NotContains(t, want[1], "Subject")
			assert.Equal(t, "refused", want[2])
			assert.Equal(t, want, outcomes(t, sluice, moved))
		})
	}
}

// blocksOfMove returns the two programs of a page.
func blocksOfMove(t *testing.T, page string) (old, moved string) {
	t.Helper()
	text, err := os.ReadFile(page)
	require.NoError(t, err)
	for _, b := range walk.Parse(string(text)) {
		_, original := b.SameAs()
		switch {
		case original || b.Lang == "python":
			old = b.Text
		case b.Lang == "go":
			moved = b.Text
		}
	}
	require.NotEmpty(t, old)
	require.NotEmpty(t, moved)
	return old, moved
}

// messages are sent to the filters: one that they mark, one without a subject,
// and one that they refuse.
func messages() []*mta.Message {
	subject := []mta.Field{{Name: "Subject", Value: " hello"}}
	to := []mta.Recipient{{Addr: "<bob@example.net>"}}
	return []*mta.Message{
		{Sender: mta.Address{Addr: "<ann@example.org>"}, Recipients: to, Header: subject, Body: []byte("How are you?\r\n")},
		{Sender: mta.Address{Addr: "<ann@example.org>"}, Recipients: to},
		{Sender: mta.Address{Addr: "<spam@example.org>"}, Recipients: to, Header: subject},
	}
}

// outcomes runs a program, and returns the result for each of the messages: the
// delivered message, or "refused".
func outcomes(t *testing.T, program func(*testing.T, string) *exec.Cmd, source string) []string {
	t.Helper()
	at := strconv.Itoa(port(t))
	cmd := program(t, strings.ReplaceAll(source, "9000", at))
	cmd.Stdout, cmd.Stderr = t.Output(), t.Output()
	require.NoError(t, cmd.Start())
	defer func() {
		assert.NoError(t, cmd.Process.Kill())
		_ = cmd.Wait()
	}()
	var all []string
	for _, msg := range messages() {
		conn := dial(t, "inet:"+at+"@127.0.0.1")
		got, err := conn.Send(t.Context(), msg)
		require.NoError(t, err)
		require.NoError(t, conn.Quit(t.Context()))
		text := "refused"
		if got.Verdict.Code != wire.RepReject {
			text = string(got.Edited.Bytes())
		}
		all = append(all, text)
	}
	return all
}

// goMilter returns a function that builds a program in the module that requires the
// libraries named go-milter. The program replaces the one from which the page is copied,
// which is in a folder of that module.
func goMilter(folder string) func(t *testing.T, source string) *exec.Cmd {
	return func(t *testing.T, source string) *exec.Cmd {
		t.Helper()
		module, err := filepath.Abs("../framework/benchmarks")
		require.NoError(t, err)
		dir := t.TempDir()
		file := filepath.Join(dir, "main.go")
		require.NoError(t, os.WriteFile(file, []byte(source), 0o600))
		overlay, err := json.Marshal(map[string]any{"Replace": map[string]string{filepath.Join(module, folder, "main.go"): file}})
		require.NoError(t, err)
		require.NoError(t, os.WriteFile(filepath.Join(dir, "overlay"), overlay, 0o600))
		return build(t, module, "-overlay="+filepath.Join(dir, "overlay"), "./"+folder)
	}
}

// pymilter runs a program with Debian's Python, for which the library is
// installed.
func pymilter(t *testing.T, source string) *exec.Cmd {
	t.Helper()
	return exec.CommandContext(t.Context(), "/usr/bin/python3", "-c", source)
}
