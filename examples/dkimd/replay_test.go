package main_test

import (
	"os"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	main "github.com/sluicemail/sluice/examples/dkimd"
	"github.com/sluicemail/sluice/examples/internal/replaying"
	"github.com/sluicemail/sluice/framework"
	"github.com/sluicemail/sluice/framework/miltertest"
	"github.com/sluicemail/sluice/wire/mta"
)

// Recorded mail is signed as it was, whatever the time is.
func TestReplay(t *testing.T) {
	t.Parallel()
	key, records := newKey(t, "rsa", "example.org", "one")
	config := func(rest string) string {
		return write(t, "dkimd.yaml", "mode: both\nkeys: [{name: a, domain: example.org, selector: one, file: "+key+"}]\nrelays: [127.0.0.1]\n"+
			"signing: {rules: [{senders: [example.org], keys: [a]}]"+rest)
	}
	old := config("}\nauthserv_id: mx.example.net\ndns: {records: " + records + "}\n")
	text, err := os.ReadFile(old)
	require.NoError(t, err)
	f, err := main.NewFilter(old, text)
	require.NoError(t, err)
	r := framework.NewRouter()
	r.Mount(f)
	submitted := miltertest.Message("From: ann@example.org\nSubject: hello\n\nHow are you?\n", miltertest.Client("127.0.0.1"), miltertest.From("ann@example.org"), miltertest.QueueID("Q1"))
	received := miltertest.Message("From: bob@example.com\nDKIM-Signature: v=1; a=rsa-sha256; d=example.com; s=x; h=From; bh=AAAA; b=AAAA\nSubject: hello\n\nHow are you?\n",
		miltertest.Client("192.0.2.9"), miltertest.From("bob@example.com"), miltertest.QueueID("Q2"))
	folder := t.TempDir()
	require.NoError(t, replaying.Record(t.Context(), folder, r, mta.Config{}, submitted, received))
	for name, c := range map[string]struct {
		args   []string
		status int
		says   []string
	}{
		"the same": {[]string{"-config", old}, 0, []string{"Keys are those in the file of the configuration.", "0 of 2 messages"}},
		"another canonicalization": {
			[]string{"-config", config(", canonicalization: simple/simple}\nauthserv_id: mx.example.net\ndns: {records: " + records + "}\n")},
			4,
			[]string{"1 of 2 messages would be treated differently:\n      1  header: Q1\n"},
		},
		"another name of the host": {[]string{"-config", config("}\nauthserv_id: mx.example.com\ndns: {records: " + records + "}\n")}, 4, []string{"1  header: Q2"}},
		"offline": {
			[]string{"-config", config("}\nauthserv_id: mx.example.net\n"), "-offline"},
			5,
			[]string{"No name is looked up.", "0 of 2 messages", "1  the filters look up a name, which -offline does not do: Q2"},
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			status, stdout, stderr := run(t, append([]string{"-check", "-replay", folder}, c.args...)...)
			assert.Equal(t, c.status, status, stdout+stderr)
			for _, text := range c.says {
				assert.Contains(t, stdout, text)
			}
		})
	}
}
