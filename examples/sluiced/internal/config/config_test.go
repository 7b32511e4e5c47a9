package config_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/sluicemail/sluice/contrib/dkim"
	"github.com/sluicemail/sluice/examples/sluiced/internal/config"
	"github.com/sluicemail/sluice/framework"
)

// folder returns a folder with a key and with rules of headerd.
func folder(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	key, err := dkim.GenerateKey("rsa", 1024)
	require.NoError(t, err)
	require.NoError(t, dkim.SaveKey(filepath.Join(dir, "key.pem"), key))
	ed, err := dkim.GenerateKey("ed25519", 0)
	require.NoError(t, err)
	require.NoError(t, dkim.SaveKey(filepath.Join(dir, "ed.pem"), ed))
	require.NoError(t, os.WriteFile(filepath.Join(dir, "rules.yaml"), []byte("rules: [{do: [{add: {name: X, value: '1'}}]}]\n"), 0o600))
	require.NoError(t, os.WriteFile(filepath.Join(dir, "bad.yaml"), []byte("rules: [{do: [delete: 'a b']}]\n"), 0o600))
	return dir
}

// parse parses a file in a folder.
func parse(dir, text string) (*config.Settings, error) {
	return config.Parse(filepath.Join(dir, "x.yaml"), []byte(text), config.Options{})
}

func must(t *testing.T, dir, text string) *config.Settings {
	t.Helper()
	s, err := parse(dir, text)
	require.NoError(t, err)
	return s
}

// whole has every setting.
const whole = `
listen: ["inet:9000@127.0.0.1", "unix:/run/sluiced.sock"]
metrics: 127.0.0.1:9090
log: {level: debug, format: json}
dns: {servers: ["127.0.0.1:53"], timeout: 2s, min_ttl: 5s, max_ttl: 10m, max_names: 10}
limits:
  max_sessions: 100
  max_per_peer: 10
  over_limit: 421 4.3.2 too many connections, try again later
  networks: [127.0.0.0/8, "::1"]
  users: [0, 101]
  negotiate_timeout: 5s
  idle_timeout: 1h
  frame_timeout: 20s
  write_timeout: 20s
  handler_timeout: 20s
  message_timeout: 4m
  progress_interval: 4s
  hang_grace: 2s
  drain_grace: 3s
  max_packet: 256KiB
  max_headers: 500
  max_header_bytes: 1MiB
  max_macro_bytes: 32KiB
  max_recipients: 500
  max_async: 1000
  memory_budget: 128MiB
  disk_budget: 1GiB
  spool_memory: 512KiB
  max_spool: 100MiB
  spool_dir: /var/tmp
middleware:
  - macros: {names: [tls_version, cipher], at: {my_macro: mail}, no_log: true}
  - logger:
      message_level: info
      event_level: debug
      no_messages: false
      fields: [client, helo, sender, recipients, size, modifications, durations, auth, tls]
      macros: {mail: ["{mail_host}"]}
      content: false
      limit: 100
      hide_local_parts: true
  - recover
  - timeout: {event: 10s, message: 10m, stages: {end of message: 2m}}
  - when: {not: {clients: [192.0.2.1]}}
  - sample: {of: 1, by: sender}
  - rate_limit: {rate: 100/1h+20, by: client, over: 451 4.7.1 slow down}
  - rate_limit: {rate: 1000/24h, by: user, recipients: true, over: tempfail}
  - rate_limit: {rate: 5/1m, by: recipient_domain, over: reject}
  - rate_limit: {rate: 5/1m, by: queue_id}
  - max_messages: {max: 100, queue: 10, wait: 5s, full: 451 4.3.2 busy}
  - throttle: {max: 100, queue: 10, wait: 5s, full: tempfail}
  - normalize_headers: {max_value: 64KiB, max_words: 100}
  - dry_run: {}
filters:
  - authenticate:
      authserv_id: mx.example.org
      also_remove: [old.example.org]
      keep_results_from: [192.0.2.3]
      networks: [10.0.0.0/8]
      relays: [192.0.2.4]
      timeout: 4s
      log_level: debug
      spf:
        mailfrom: {fail: reject, softfail: accept, none: accept, temperror: tempfail, permerror: accept}
        helo: {fail: tempfail}
        helo_if_needed: true
        received_spf: true
      dkim: {max_signatures: 5, min_bits: 1024, body_length: refuse, skew: 1m, timeout: 3s, policies: {bank.example: {fail: reject}}}
      dmarc:
        reject: reject
        quarantine: hold
        none: accept
        temperror: tempfail
        permerror: addfield
        field: X-Odd
        dry_run: false
        forwarders:
          - {networks: [192.0.2.5], domains: [lists.example], authors: [example.net], mailing_list: true}
        trusted_sealers: [sealer.example]
      arc:
        min_bits: 1024
        max_bits: 4096
        seal:
          domain: example.org
          selector: s1
          file: key.pem
          allow_readable: true
          headers: [From, Subject]
          networks: [127.0.0.0/8]
          authenticated: true
  - name: one
    dry_run: true
    fail: open
    when:
      clients: [192.0.2.0/24]
      authenticated: false
      senders: [example.org, ""]
      recipients: [.example.net]
      share: 0.5
      all: [{share: {of: 0.5, by: sender_domain}}]
      any: [{authenticated: true}, {not: {clients: ["::1"]}}]
    headers: {rules: [{do: [{add: {name: X, value: '{{ .Macro "{my_macro}" }}'}}]}], macros: {"{my_macro}": mail}}
  - name: two
    fail: closed
    headers: {file: rules.yaml}
  - remote:
      addresses: ["inet:8891@127.0.0.1", "unix:/run/x.sock"]
      version: 6
      if_away: start
      macros: {connect: [j]}
      count_deleted: true
      dial_timeout: 1s
      command_timeout: 2s
      content_timeout: 3s
      max_edits: 1MiB
      max_modifications: 100
      eject_after: 2
      eject_for: 3s
      max_idle: 1
      idle_timeout: 30s
  - name: old
    remote: {addresses: ["inet:8892@127.0.0.1"], if_away: start, shadow: {of: sign, max_queued: 1MiB}}
  - fail: 421 4.3.2 try again later
    sign:
      trust: {networks: [127.0.0.0/8], except: [127.0.0.9], authenticated: true, own_domain: true, macros: {"{daemon_name}": [ORIGINATING]}}
      keys: [{name: a, domain: example.org, selector: s1, file: ed.pem}]
      rules: [{senders: [example.org], keys: [a], third_party: true}]
      all_rules: true
      except_recipients: [list@example.net]
      headers: [From]
      oversign: [From]
      canonicalization: relaxed/simple
      lifetime: 168h
      timestamp: true
      check_dns: true
`

func TestWhole(t *testing.T) {
	t.Parallel()
	s := must(t, folder(t), whole)
	assert.Equal(t, []string{"inet:9000@127.0.0.1", "unix:/run/sluiced.sock"}, s.Listen)
	assert.Equal(t, "127.0.0.1:9090", s.Metrics)
	assert.Equal(t, "json", s.Format)
	assert.Equal(t, "DEBUG", s.Level.String())
	assert.Equal(t, 100, s.Server.Admission.MaxSessions)
	assert.Equal(t, []uint32{0, 101}, s.Server.Admission.UIDs)
	assert.Equal(t, "reply 421 4.3.2 too many connections, try again later", s.Server.Admission.OverLimit.String())
	assert.Equal(t, time.Hour, s.Server.IdleTimeout)
	assert.Equal(t, int64(128<<20), s.Server.MemoryBudget)
	assert.Equal(t, "/var/tmp", s.Server.SpoolDir)
	assert.Equal(t, 14, s.Middleware())
	assert.Empty(t, s.Warnings)
	assert.True(t, s.Authenticates())
	assert.Equal(t, []config.Lane{
		{"authenticate", "authenticate", "spf, dkim, arc, dmarc; seals as example.org after all other filters"},
		{"one", "headers", "1 rules, fail: open, conditional, dry run"},
		{"two", "headers", "1 rules, fail: closed"},
		{"remote", "remote", "inet:8891@127.0.0.1, unix:/run/x.sock"},
		{"old", "remote", "shadow of sign: inet:8892@127.0.0.1"},
		{"sign", "sign", "1 signing rules, fail: 421 4.3.2 try again later"},
	}, s.Lanes())
	plan(t, s)
}

// plan returns the names of the filters of a router with the filters, in their order.
func plan(t *testing.T, s *config.Settings) string {
	t.Helper()
	f, err := s.Build(config.Hooks{})
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, f.Close()) })
	r := framework.NewRouter()
	r.Mount(f)
	p, err := r.Plan()
	require.NoError(t, err)
	text, err := p.MarshalJSON()
	require.NoError(t, err)
	_, names, _ := strings.Cut(string(text), `"filters":[`)
	names, _, _ = strings.Cut(names, "]")
	names, found := strings.CutPrefix(strings.ReplaceAll(names, `"`, ""), "sluiced,")
	assert.True(t, found, "the filter that mounts the others")
	return names
}

// The sealer is the last filter, wherever authenticate is. Limits come first.
func TestOrder(t *testing.T) {
	t.Parallel()
	s := must(t, folder(t), `
middleware: [{rate_limit: {rate: 5/1m, by: client}}, {max_messages: {max: 5}}, {rate_limit: {rate: 5/1m, by: sender}}]
filters:
- authenticate: {arc: {seal: {domain: example.org, selector: s1, file: key.pem}}}
- headers: {rules: [{do: [{add: {name: X, value: '1'}}]}]}
- sign: {keys: [{name: a, domain: example.org, selector: s1, file: key.pem}], rules: [{senders: [example.org], keys: [a]}]}
`)
	assert.Equal(t, "rate_limit,max_messages,rate_limit2,authenticate,spf,dkim,arc,dmarc,authenticate-field,headers,sign,arc-seal", plan(t, s))
	assert.Empty(t, s.Warnings)
}

// Without a file's settings there are the defaults.
func TestNothing(t *testing.T) {
	t.Parallel()
	s := must(t, folder(t), "log: {}\n")
	assert.Empty(t, s.Listen)
	assert.Equal(t, framework.Config{}, s.Server)
	require.Len(t, s.Warnings, 1)
	assert.ErrorContains(t, s.Warnings[0], "x.yaml:1:1: warning: no filters, so all mail passes")
	assert.Empty(t, s.Lanes())
}

func TestOff(t *testing.T) {
	t.Parallel()
	s := must(t, folder(t), "filters: [{authenticate: {spf: off, arc: off}}]\n")
	assert.Equal(t, "dkim, dmarc", s.Lanes()[0].Summary)
	assert.Equal(t, "authenticate,dkim,dmarc,authenticate-field", plan(t, s))
}

func TestOptions(t *testing.T) {
	t.Parallel()
	s, err := config.Parse("x.yaml", []byte("metrics: 127.0.0.1:1\nfilters: [{remote: {addresses: ['inet:1@127.0.0.1']}}]\n"),
		config.Options{DNS: "127.0.0.1:5353", Metrics: "127.0.0.1:2", NoRemote: true})
	require.NoError(t, err)
	assert.Equal(t, "127.0.0.1:2", s.Metrics)
	assert.Empty(t, s.Lanes())
	_, err = config.Load(t.TempDir(), config.Options{})
	assert.ErrorContains(t, err, "not a regular file")
}
