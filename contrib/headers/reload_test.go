package headers_test

import (
	"sync"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/sluicemail/sluice/contrib/headers"
	"github.com/sluicemail/sluice/framework/miltertest"
)

func config(t *testing.T, text string) headers.Config {
	t.Helper()
	cfg, err := headers.Parse("test.yaml", []byte(text))
	require.NoError(t, err)
	return cfg
}

func TestReload(t *testing.T) {
	t.Parallel()
	f, err := headers.NewReloadable(config(t, "rules: [{do: [{add: {name: X, value: 'old {{ .Helo }}'}}, {delete: Y}]}]"))
	require.NoError(t, err)
	conn := miltertest.NewServer(t, f).Dial(t)
	msg := miltertest.Message("Y: 1\nZ: 2\n\nbody\n", miltertest.Helo("me"))
	assert.Equal(t, "Z: 2\nX: old me\n", headerOf(conn.Run(t, msg)))

	// The same connection gets other rules, which use other names.
	require.NoError(t, f.Reload(config(t, "rules: [{when: {helo: m, present: z}, do: [{rename: {name: Z, to: A}}, {insert: {name: B, value: new}}]}]")))
	assert.Equal(t, 1, f.Rules())
	assert.Equal(t, "B: new\nY: 1\nA: 2\n", headerOf(conn.Run(t, msg)))

	for name, c := range map[string]struct {
		text    string
		missing []string
	}{
		"connect":    {"rules: [{do: [{add: {name: X, value: '{{ .Client.Addr }}'}}]}]", []string{"the stage connect"}},
		"envelope":   {"rules: [{when: {sender: a.b}, do: [{delete: X}]}]", []string{"the envelope"}},
		"body":       {"rules: [{when: {size: {over: 1}}, do: [{delete: X}]}]", []string{"the body"}},
		"parts":      {"rules: [{when: {part: {name: x}}, do: [{delete: X}]}]", []string{"the body", "the parts of the body"}},
		"macros":     {"rules: [{do: [{add: {name: X, value: '{{ .QueueID }} {{ .Auth }}'}}]}]", []string{"the macro auth_authen at mail", "the macro i at end of message"}},
		"quarantine": {"rules: [{do: [{quarantine: x}]}]", []string{"permission to quarantine"}},
	} {
		var more *headers.NeedsMoreError
		err := f.Reload(config(t, c.text))
		require.ErrorAs(t, err, &more, name)
		require.ErrorIs(t, err, headers.ErrNeedsMore, name)
		assert.Equal(t, c.missing, more.Missing, name)
		assert.Contains(t, err.Error(), c.missing[0], name)
	}
	var wrong *headers.ConfigError
	require.ErrorAs(t, f.Reload(headers.Config{Rules: []headers.Rule{{}}}), &wrong)
	assert.Equal(t, "B: new\nY: 1\nA: 2\n", headerOf(conn.Run(t, msg)), "the rules that were in force")

	require.NoError(t, f.Reload(headers.Config{}))
	conn.Run(t, msg).AssertUnmodified(t)
}

// TestReloadNeeds checks that rules with few needs cannot be replaced by rules
// with more needs. Even an empty list of rules cannot be replaced by rules with
// needs.
func TestReloadNeeds(t *testing.T) {
	t.Parallel()
	const (
		add    = "rules: [{do: [{add: {name: X, value: x}}]}]"
		change = "rules: [{do: [{delete: X}]}]"
		rename = "rules: [{do: [{rename: {name: X, to: Y}}]}]"
		both   = "rules: [{do: [{replace: {name: X, value: y, or_add: true}}]}]"
		none   = "rules: [{do: [{reject: x}]}]"
		empty  = "rules: []"
	)
	tests := []struct {
		old, new string
		missing  []string
	}{
		{add, change, []string{"the header", "permission to change fields"}},
		{change, add, []string{"permission to add fields"}},
		{change, rename, []string{"permission to add fields"}},
		{rename, both, nil},
		{both, rename, nil},
		{add, none, nil},
		{empty, none, nil},
		{empty, add, []string{"permission to add fields"}},
	}
	for _, c := range tests {
		f, err := headers.NewReloadable(config(t, c.old))
		require.NoError(t, err)
		srv := miltertest.NewServer(t, f)
		err = f.Reload(config(t, c.new))
		if c.missing != nil {
			var more *headers.NeedsMoreError
			require.ErrorAs(t, err, &more)
			assert.Equal(t, c.missing, more.Missing, "%s to %s", c.old, c.new)
			continue
		}
		require.NoError(t, err, "%s to %s", c.old, c.new)
		res := srv.Dial(t).Run(t, miltertest.Message("X: 1\n\nbody\n"))
		if c.new == none {
			res.AssertRejected(t)
			continue
		}
		assert.Contains(t, []string{"Y: 1\n", "X: y\n"}, headerOf(res))
	}
}

// TestReloadWhileServing checks that one set of rules applies to each message.
func TestReloadWhileServing(t *testing.T) {
	t.Parallel()
	a := config(t, "rules: [{do: [{add: {name: X, value: a}}]}, {do: [{add: {name: Y, value: a}}]}]")
	b := config(t, "rules: [{do: [{add: {name: X, value: b}}]}, {do: [{add: {name: Y, value: b}}]}]")
	f, err := headers.NewReloadable(a)
	require.NoError(t, err)
	srv := miltertest.NewServer(t, f)
	stop := make(chan struct{})
	var wg sync.WaitGroup
	wg.Go(func() {
		for i := 0; ; i++ {
			select {
			case <-stop:
				return
			default:
				assert.NoError(t, f.Reload([]headers.Config{a, b}[i%2]))
			}
		}
	})
	conn := srv.Dial(t)
	for range 200 {
		res := conn.Run(t, miltertest.Message("A: 1\n\nbody\n"))
		assert.Equal(t, res.Header("X"), res.Header("Y"))
	}
	close(stop)
	wg.Wait()
}
