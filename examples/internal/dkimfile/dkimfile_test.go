package dkimfile_test

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/sluicemail/sluice/contrib/dkim"
	"github.com/sluicemail/sluice/examples/internal/dkimfile"
	"github.com/sluicemail/sluice/examples/internal/yamlconf"
)

type sections struct {
	Trust     dkimfile.Trust     `yaml:"trust"`
	Keys      dkimfile.Keys      `yaml:"keys"`
	Signing   dkimfile.Signing   `yaml:"signing"`
	Verifying dkimfile.Verifying `yaml:"verifying"`
}

func parse(t *testing.T, text string) *sections {
	t.Helper()
	var s sections
	require.NoError(t, yamlconf.Parse("x.yaml", []byte(text), &s))
	return &s
}

// folder returns a folder with a key and with tables of OpenDKIM.
func folder(t *testing.T) dkimfile.Folder {
	t.Helper()
	dir := t.TempDir()
	key, err := dkim.GenerateKey("ed25519", 0)
	require.NoError(t, err)
	require.NoError(t, dkim.SaveKey(filepath.Join(dir, "key.pem"), key))
	for name, text := range map[string]string{
		"hosts":        "192.0.2.0/24\n!192.0.2.1\n",
		"KeyTable":     "k example.net:s2:" + filepath.Join(dir, "key.pem") + "\n",
		"SigningTable": "*@example.net k\n",
	} {
		require.NoError(t, os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600))
	}
	return dkimfile.Folder(dir)
}

// Names of files are relative to the folder.
func TestFolder(t *testing.T) {
	t.Parallel()
	in := folder(t)
	s := parse(t, `
trust: {hosts_file: hosts, networks: [10.0.0.0/8]}
keys: [{name: a, domain: example.org, selector: s1, file: key.pem}]
signing:
  rules: [{senders: [example.org], keys: [a]}]
  opendkim: {key_table: "file:KeyTable", signing_table: "refile:SigningTable"}
`)
	trust, err := s.Trust.Trust(in)
	require.NoError(t, err)
	assert.Len(t, trust.Networks, 2)
	assert.Len(t, trust.Except, 1)
	signing, err := s.Signing.Signing(in, s.Keys, nil)
	require.NoError(t, err)
	require.Len(t, signing.Rules, 2)
	assert.Equal(t, "s1", signing.Rules[0].Keys[0].Selector)
	assert.Equal(t, "s2", signing.Rules[1].Keys[0].Selector)
	assert.Empty(t, s.Signing.Unused(s.Keys))

	s.Signing.OpenDKIM.KeyTable.Text, s.Signing.OpenDKIM.SigningTable.Text = "KeyTable", "refile:SigningTable"
	_, err = s.Signing.Signing(in, s.Keys, nil)
	require.NoError(t, err)
	_, err = s.Signing.Signing("", s.Keys, nil)
	require.ErrorContains(t, err, "open key.pem: no such file", "without a folder it is that of the process")
	assert.Equal(t, "/etc/x", in.File("/etc/x"))
	assert.Empty(t, in.File(""))
}

func TestMistakes(t *testing.T) {
	t.Parallel()
	in := folder(t)
	for name, c := range map[string]struct{ text, want string }{
		"no such key":    {"signing: {rules: [{senders: [a.example], keys: [b]}]}", `1:49: unknown key "b"`},
		"a key twice":    {"keys: [{name: a, domain: a.example, selector: s, file: key.pem}, {name: a}]", `1:73: a key's name, "a", is empty or used twice`},
		"no such file":   {"keys: [{name: a, domain: a.example, selector: s, file: other.pem}]", "1:56: dkim: open "},
		"an empty key":   {"keys: [ {}]", `1:9: a key's name, "", is empty or used twice`},
		"a key unnamed":  {"keys: [{allow_readable: true}, {name: '', file: key.pem}]", "1:8: a key's name, \"\", is empty or used twice\n1:39: "},
		"an empty rule":  {"signing: {rules: [{}]}", "1:19: dkim: configuration: the rule has no sender or no key"},
		"no senders":     {"signing: {rules: [{third_party: true}]}", "1:19: dkim: configuration: the rule has no sender or no key"},
		"one table":      {"signing: {opendkim: {key_table: x}}", "1:33: key_table needs signing_table"},
		"the other":      {"signing: {opendkim: {signing_table: x}}", "1:37: signing_table needs key_table"},
		"an odd header":  {"signing: {headers: [From, 'a b']}", "1:27: "},
		"an odd name":    {"signing: {except_recipients: ['a b@']}", "1:31: "},
		"unused is fine": {"keys: [{name: a, domain: a.example, selector: s, file: key.pem}]", ""},
	} {
		s := parse(t, c.text)
		_, err := s.Signing.Signing(in, s.Keys, nil)
		if c.want == "" {
			require.NoError(t, err, name)
			require.Len(t, s.Signing.Unused(s.Keys), 1)
			continue
		}
		assert.ErrorContains(t, err, c.want, name)
	}
}

func TestVerifying(t *testing.T) {
	t.Parallel()
	s := parse(t, "verifying: {min_bits: 1024, body_length: refuse, timeout: 3s, policies: {a.example: {fail: reject}}}")
	v, err := s.Verifying.Verifying(dkimfile.Host{AlsoRemove: []yamlconf.Word{{Text: "b.example"}}}, nil)
	require.NoError(t, err)
	assert.Equal(t, 1024, v.MinBits)
	assert.Equal(t, dkim.BodyLengthRefuse, v.BodyLength)
	assert.Equal(t, dkim.Policy{Fail: dkim.Reject}, v.Policies["a.example"])
	assert.Equal(t, []string{"b.example"}, v.AlsoRemove)

	s = parse(t, "verifying: {min_bits: 5, policies: {'a b': {fail: reject}}}")
	_, err = s.Verifying.Verifying(dkimfile.Host{}, nil)
	require.ErrorContains(t, err, "1:23: ")
	require.ErrorContains(t, err, "1:37: ")
}

func TestParseCanonicalization(t *testing.T) {
	t.Parallel()
	header, body, err := dkimfile.ParseCanonicalization("relaxed")
	require.NoError(t, err)
	assert.Equal(t, dkim.Relaxed, header)
	assert.Equal(t, dkim.Simple, body)
	_, _, err = dkimfile.ParseCanonicalization("relaxed/nofws")
	assert.ErrorContains(t, err, "want simple or relaxed")
}
