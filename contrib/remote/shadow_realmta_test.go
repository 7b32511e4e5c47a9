//go:build integration

package remote_test

import (
	"context"
	"crypto"
	"crypto/ed25519"
	"crypto/rand"
	"crypto/rsa"
	"fmt"
	"net"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/sluicemail/sluice/contrib/dkim"
	"github.com/sluicemail/sluice/contrib/remote"
	"github.com/sluicemail/sluice/framework/miltertest"
	"github.com/sluicemail/sluice/framework/miltertest/realmta"
	"github.com/sluicemail/sluice/wire/mta"
)

// authserv is the name of both verifiers in their results.
const authserv = "mx.example.net"

// keyZone is a DNS with the records of keys, for both verifiers.
type keyZone map[string]string

// LookupTXT implements dkim.Resolver.
func (z keyZone) LookupTXT(_ context.Context, name string) ([]string, error) {
	record, ok := z[strings.TrimSuffix(name, ".")]
	if !ok {
		return nil, &net.DNSError{Err: "no such host", Name: name, IsNotFound: true}
	}
	return []string{record}, nil
}

// author signs messages.
type author struct {
	zone           keyZone
	first, second  dkim.Key // published
	modern         dkim.Key // of Ed25519, published
	unknown, taken dkim.Key // not published, and revoked
}

func newAuthor(t *testing.T) *author {
	t.Helper()
	a := &author{zone: make(keyZone)}
	key := func(selector string, signer crypto.Signer) dkim.Key {
		return dkim.Key{Domain: "example.org", Selector: selector, Signer: signer}
	}
	published := func(selector string, signer crypto.Signer) dkim.Key {
		record, err := dkim.FormatRecord(signer.Public())
		require.NoError(t, err)
		a.zone[dkim.RecordName(selector, "example.org")] = record
		return key(selector, signer)
	}
	generate := func() crypto.Signer {
		k, err := rsa.GenerateKey(rand.Reader, 2048)
		require.NoError(t, err)
		return k
	}
	_, modern, err := ed25519.GenerateKey(rand.Reader)
	require.NoError(t, err)
	a.first, a.second, a.modern = published("one", generate()), published("two", generate()), published("modern", modern)
	a.unknown, a.taken = key("unknown", a.first.Signer), key("taken", a.second.Signer)
	a.zone[dkim.RecordName("taken", "example.org")] = "v=DKIM1; p="
	return a
}

// signing returns the configuration of a signer with keys. Its signatures are valid for an hour,
// and do not say that there is no second From.
func signing(keys []dkim.Key) dkim.Signing {
	return dkim.Signing{
		Lifetime: time.Hour, Oversign: []string{},
		Rules: []dkim.Rule{{Senders: []string{"example.org"}, Keys: keys}},
	}
}

// withSignatures returns a message with signatures.
func withSignatures(t *testing.T, message string, keys ...dkim.Key) string {
	t.Helper()
	fields, err := dkim.Sign(signing(keys), strings.NewReader(message))
	require.NoError(t, err)
	require.Len(t, fields, len(keys))
	return strings.Join(fields, "") + message
}

// signedLongAgo returns a message with a signature that has expired.
func signedLongAgo(t *testing.T, message string, key dkim.Key) string {
	t.Helper()
	then := time.Now().AddDate(-1, 0, 0)
	f, err := dkim.NewSigner(dkim.Config{Signing: signing([]dkim.Key{key}), Now: func() time.Time { return then }})
	require.NoError(t, err)
	msg, err := mta.ReadMessage(strings.NewReader(message))
	require.NoError(t, err)
	msg.Client = mta.Client{Host: "localhost", Addr: "127.0.0.1"}
	res := miltertest.Run(t, f, msg)
	require.NotNil(t, res.Edited)
	return string(res.Edited.Bytes())
}

// kind is a kind of message, and what the two verifiers find in it, in the order of the
// alphabet, or "" if they add no field. A message of the kind is reported if the two are not the
// same.
type kind struct {
	name         string
	write        func(t *testing.T, a *author, n int) string
	ours, theirs string
}

// report returns how a message of the kind is reported, or "".
func (k *kind) report() string {
	var parts []string
	if k.theirs != "" && k.theirs != k.ours {
		parts = append(parts, fmt.Sprintf("+addheader Authentication-Results %q at 0", k.theirs))
	}
	if k.ours != k.theirs {
		parts = append(parts, fmt.Sprintf("-addheader Authentication-Results %q at 0", k.ours))
	}
	return strings.Join(parts, "; ")
}

// kinds are the kinds of messages. OpenDKIM takes a key that is not published for a temporary
// error and then adds no result unless another signature has one; a revoked key is a failure for
// it, an expired signature an error, and it accepts a From that the signature does not cover.
func kinds() []kind {
	plain := func(n int) string {
		return fmt.Sprintf("From: ann@example.org\r\nSubject: number %d\r\nDate: Wed, 4 Mar 2026 05:06:07 +0000\r\nMessage-ID: <%d@example.org>\r\n\r\n", n, n) +
			strings.Repeat("a line of the body\r\n", 1+n%50)
	}
	by := func(keys func(a *author) []dkim.Key) func(*testing.T, *author, int) string {
		return func(t *testing.T, a *author, n int) string {
			t.Helper()
			return withSignatures(t, plain(n), keys(a)...)
		}
	}
	one := by(func(a *author) []dkim.Key { return []dkim.Key{a.first} })
	return []kind{
		{"unsigned", func(_ *testing.T, _ *author, n int) string { return plain(n) }, "none", "none"},
		{"signed", one, "pass", "pass"},
		{"body broken", func(t *testing.T, a *author, n int) string {
			t.Helper()
			return one(t, a, n) + "a line more\r\n"
		}, "fail", "fail"},
		{"header broken", func(t *testing.T, a *author, n int) string {
			t.Helper()
			return strings.Replace(one(t, a, n), "Subject: number", "Subject: the number", 1)
		}, "fail", "fail"},
		{"two signatures", by(func(a *author) []dkim.Key { return []dkim.Key{a.first, a.second} }), "pass pass", "pass pass"},
		{"unknown key", by(func(a *author) []dkim.Key { return []dkim.Key{a.unknown} }), "permerror", ""},
		{"one of two keys unknown", by(func(a *author) []dkim.Key { return []dkim.Key{a.first, a.unknown} }), "pass permerror", "pass temperror"},
		{"revoked key", by(func(a *author) []dkim.Key { return []dkim.Key{a.taken} }), "permerror", "fail"},
		{"expired", func(t *testing.T, a *author, n int) string {
			t.Helper()
			return signedLongAgo(t, plain(n), a.first)
		}, "fail", "permerror"},
		{"second From", func(t *testing.T, a *author, n int) string {
			t.Helper()
			return "From: eve@example.net\r\n" + one(t, a, n)
		}, "policy", "pass"},
		{"forged result", func(_ *testing.T, _ *author, n int) string {
			return "Authentication-Results: " + authserv + "; dkim=pass header.d=bank.example\r\n" + plain(n)
		}, "none", "none"},
		{"Ed25519", by(func(a *author) []dkim.Key { return []dkim.Key{a.modern} }), "pass", "pass"},
	}
}

// method matches a result in Authentication-Results.
var method = regexp.MustCompile(`\bdkim=([a-z]+)`)

// found returns the results of an Authentication-Results field in alphabetical order.
func found(value string) string {
	var list []string
	for _, m := range method.FindAllStringSubmatch(value, -1) {
		list = append(list, m[1])
	}
	slices.Sort(list)
	return strings.Join(list, " ")
}

// onlyResults leaves of the fields that verifiers add what they found. The rest is spelled
// differently, and OpenDKIM adds its field above the mail server's own Received.
func onlyResults(e remote.Edit) (remote.Edit, bool) {
	if e.Kind == "addheader" && e.Name == "Authentication-Results" {
		e.Value, e.Place = found(e.Value), 0
	}
	return e, true
}

// queued matches Postfix's reply to a message.
var queued = regexp.MustCompile(`queued as (\S+)`)

// OpenDKIM as a shadow of contrib/dkim, behind a real Postfix: of 500 messages of all kinds,
// those are reported in which the two differ by their kind, and no others.
func TestOpenDKIMAsShadow(t *testing.T) {
	t.Parallel()
	const messages, clients = 500, 10
	a := newAuthor(t)
	p := realmta.StartPostfix(t, realmta.PostfixConfig{})
	var records []string
	for name, record := range a.zone {
		records = append(records, name+" "+record)
	}
	started := &milters{t: t, dir: p.SocketDir()}
	socket := filepath.Join(started.dir, "opendkim")
	started.run(exec.Command("/usr/sbin/opendkim", "-f", "-x", started.write("opendkim.conf",
		"Socket local:"+socket, "AuthservID "+authserv, "Syslog no", "Background no", "AutoRestart no", "Mode v", "AlwaysAddARHeader yes",
		"TestDNSData file:"+started.write("opendkim.zone", records...), "InternalHosts 192.0.2.99")))
	started.await(socket)

	verifier, err := dkim.NewVerifier(dkim.Config{Verifying: dkim.Verifying{Resolver: a.zone, AuthservID: authserv}})
	require.NoError(t, err)
	var seen reports
	shadow := lane(t, remote.Config{Name: "opendkim", Shadow: &remote.Shadow{Of: "dkim", Report: seen.add, Normalize: onlyResults}}, "unix:"+socket)
	p.SetFilters(t, listenFor(t, p, shadow, verifier))

	var mu sync.Mutex
	want := make(map[string]string) // by queue id
	all := kinds()
	texts := make([]string, messages)
	for n := range texts {
		texts[n] = all[n%len(all)].write(t, a, n)
	}
	var wg sync.WaitGroup
	for c := range clients {
		client := realmta.DialSMTP(t, p.Addr())
		wg.Go(func() {
			code, text := client.Cmd("EHLO client.example.test")
			assert.Equal(t, 250, code, text)
			for n := c; n < messages; n += clients {
				code, text := client.Deliver(realmta.Message{From: "ann@example.org", To: []string{"bob@example.test"}, Data: []byte(texts[n])})
				id := queued.FindStringSubmatch(text)
				if !assert.Equal(t, 250, code, text) || !assert.Len(t, id, 2) {
					return
				}
				if report := all[n%len(all)].report(); report != "" {
					mu.Lock()
					want[id[1]] = report
					mu.Unlock()
				}
			}
			client.Cmd("QUIT")
		})
	}
	wg.Wait()
	counts := settle(t, shadow, messages)
	assert.Equal(t, remote.ShadowStats{Compared: messages, Differed: uint64(len(want))}, counts)
	got := make(map[string]string) // by queue id
	for i := range seen.all {
		got[seen.all[i].QueueID] = textOf(&seen.all[i])
	}
	assert.Equal(t, want, got)
	assert.Greater(t, len(want), messages/10)
	t.Logf("%d messages, %d reported", messages, len(got))
}
