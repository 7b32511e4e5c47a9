//go:build integration

package docs_test

import (
	"bytes"
	"cmp"
	"crypto"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/sluicemail/sluice/contrib/arc"
	"github.com/sluicemail/sluice/contrib/authres"
	"github.com/sluicemail/sluice/contrib/dkim"
	"github.com/sluicemail/sluice/contrib/resolver"
	"github.com/sluicemail/sluice/contrib/resolver/resolvertest"
	"github.com/sluicemail/sluice/docs/internal/walk"
	"github.com/sluicemail/sluice/framework/miltertest/realmta"
	"github.com/sluicemail/sluice/framework/miltertest/testproc"
	"github.com/sluicemail/sluice/wire/mta"
)

// movePage is the page whose configurations the test loads.
const movePage = "howto/moving-from-opendmarc.md"

// texts are the TXT records of the test.
var texts = map[string]string{
	"example.org":              "v=spf1 ip4:192.0.2.1 -all",
	"_dmarc.example.org":       "v=DMARC1; p=reject; sp=quarantine",
	"list.example":             "v=spf1 ip4:192.0.2.9 -all",
	"_dmarc.none.example":      "v=DMARC1; p=none",
	"_dmarc.strict.example":    "v=DMARC1; p=reject; aspf=s; adkim=s",
	"mail.strict.example":      "v=spf1 ip4:192.0.2.1 -all",
	"soft.example":             "v=spf1 ~all",
	"_dmarc.team.corp.example": "v=DMARC1; p=reject; psd=n",
	"_dmarc.corp.example":      "v=DMARC1; p=none",
	"host.corp.example":        "v=spf1 ip4:192.0.2.1 -all",
	"wrong.example":            "v=spf1 ipx:192.0.2.1 -all",
	"mail.example.org":         "v=spf1 ip4:192.0.2.1 -all",
	"_dmarc.part.example":      "v=DMARC1; p=reject; pct=0",
	"_dmarc.test.example":      "v=DMARC1; p=reject; t=y",
}

// movedMessage is sent to the old milters, and to sluiced.
type movedMessage struct {
	name, client, helo, login, sender, from string
	signed                                  string // the domain of the signature, or ""
	changed                                 bool   // the body after it was signed
	old, moved                              string // what becomes of it: the same unless moved is set
}

func movedMessages() []movedMessage {
	const good, bad, lists = "192.0.2.1", "192.0.2.66", "192.0.2.9"
	return []movedMessage{
		{name: "SPF", client: good, sender: "example.org", from: "example.org", old: "250 spf=pass dkim=none dmarc=pass"},
		{name: "forged", client: bad, sender: "unknown.example", from: "example.org", old: "550 5.7.1"},
		{name: "SPF fails", client: bad, sender: "example.org", from: "none.example", old: "550 5.7.23"},
		{name: "a list that keeps the author", client: lists, sender: "list.example", from: "example.org", old: "550 5.7.1"},
		{name: "signed", client: bad, sender: "unknown.example", from: "example.org", signed: "example.org", old: "250 spf=none dkim=pass dmarc=pass"},
		{name: "signed and changed", client: bad, sender: "unknown.example", from: "example.org", signed: "example.org", changed: true, old: "550 5.7.1"},
		{name: "signed by another", client: bad, sender: "unknown.example", from: "none.example", signed: "example.org", old: "250 spf=none dkim=pass dmarc=fail"},
		{name: "policy none", client: bad, sender: "unknown.example", from: "none.example", old: "250 spf=none dkim=none dmarc=fail"},
		{name: "no policy", client: bad, sender: "soft.example", from: "soft.example", old: "250 spf=softfail dkim=none dmarc=none"},
		{name: "a subdomain", client: bad, sender: "unknown.example", from: "news.example.org", old: "250 held"},
		{name: "a wrong record", client: good, sender: "wrong.example", from: "none.example", old: "250 spf=permerror dkim=none dmarc=fail"},
		{name: "HELO only", client: good, helo: "mail.example.org", sender: "unknown.example", from: "example.org", old: "550 5.7.1"},
		{name: "logged in", client: bad, login: "ann", sender: "unknown.example", from: "example.org", old: "250 spf=none dkim=none dmarc=none"},
		{name: "differs: strict SPF", client: good, sender: "mail.strict.example", from: "strict.example", old: "250 spf=pass dkim=none dmarc=pass", moved: "550 5.7.1"},
		{name: "differs: strict DKIM", client: bad, sender: "unknown.example", from: "strict.example", signed: "mail.strict.example", old: "250 spf=none dkim=pass dmarc=pass", moved: "550 5.7.1"},
		{name: "differs: psd=n", client: good, sender: "host.corp.example", from: "team.corp.example", old: "250 spf=pass dkim=none dmarc=pass", moved: "550 5.7.1"},
		{name: "differs: pct", client: bad, sender: "unknown.example", from: "part.example", old: "250 spf=none dkim=none dmarc=fail", moved: "550 5.7.1"},
		{name: "differs: t=y", client: bad, sender: "unknown.example", from: "test.example", old: "550 5.7.1", moved: "250 held"},
		{name: "differs: two authors", client: bad, sender: "unknown.example", from: "none.example, eve@example.org", old: "250 spf=none dkim=none dmarc=none", moved: "550 5.7.1"},
	}
}

// TestMovingFromOpenDMARC runs what a page moves from, which are OpenDKIM, pyspf-milter and
// OpenDMARC of Debian with the page's configurations, and then sluiced with the page's file. The
// same messages get the same replies and results.
func TestMovingFromOpenDMARC(t *testing.T) {
	t.Parallel()
	w := newMoved(t)
	program := example(t, "sluiced")
	sockets := w.oldMilters(t)
	dry, log := w.sluiced(t, program, "dry", "- authenticate:\n", "- dry_run: true\n    authenticate:\n")
	moved, _ := w.sluiced(t, program, "moved")
	old, then := postfixWith(t, append(sockets, dry)...), postfixWith(t, moved)
	for i, m := range movedMessages() {
		t.Run(m.name, func(t *testing.T) {
			lines := strings.Count(log.String(), "msg=authenticated")
			got := w.send(t, old, i, &m)
			assert.Equal(t, m.old, got, "OpenDKIM, pyspf-milter and OpenDMARC, and sluiced that changes nothing")
			if strings.HasPrefix(got, "250 spf=") { // Postfix does not ask further milters about what one holds
				log.Await(t, "msg=authenticated", lines+1)
			}
			assert.Equal(t, cmp.Or(m.moved, m.old), w.send(t, then, i, &m), "sluiced")
		})
	}
	for _, d := range then.Sink().Delivered() {
		chain, err := arc.Verify(t.Context(), arc.VerifierConfig{Resolver: w.resolver(t)}, bytes.NewReader(d.Data))
		require.NoError(t, err)
		if strings.Contains(string(d.Data), "logged in") {
			assert.Equal(t, arc.None, chain.Status)
			continue
		}
		require.Equal(t, arc.Pass, chain.Status, chain.Reason)
		assert.Equal(t, "example.org", chain.Sets[0].Domain)
	}
}

// movedWorld is what the old and the new milters have in common.
type movedWorld struct {
	dir    string
	dns    string // the address of a name server
	key    crypto.Signer
	blocks map[string]string // the page's files, by their names
}

func newMoved(t *testing.T) *movedWorld {
	t.Helper()
	dir, err := os.MkdirTemp("", "m") //nolint:usetesting // a unix socket needs a short path
	require.NoError(t, err)
	t.Cleanup(func() { assert.NoError(t, os.RemoveAll(dir)) })
	require.NoError(t, os.Chmod(dir, 0o755))
	key, err := dkim.GenerateKey("rsa", 1024)
	require.NoError(t, err)
	record, err := dkim.FormatRecord(key.Public())
	require.NoError(t, err)
	w := &movedWorld{dir: dir, key: key, blocks: make(map[string]string)}
	var zone strings.Builder
	var data []string
	add := func(name, text string) {
		fmt.Fprintf(&zone, "%s. TXT %q\n", name, text)
		data = append(data, name+" "+text)
	}
	for name, text := range texts {
		add(name, text)
	}
	add("s1._domainkey.example.org", record)
	add("s1._domainkey.mail.strict.example", record)
	add("arc._domainkey.example.org", record)
	w.dns = resolvertest.Listen(t, zone.String())
	w.write(t, "records", strings.Join(data, "\n")+"\n")
	text, err := os.ReadFile(movePage)
	require.NoError(t, err)
	for _, b := range walk.Parse(string(text)) {
		w.blocks[b.Lang] = b.Text
	}
	return w
}

// write writes a file and returns its path.
func (w *movedWorld) write(t *testing.T, name, text string) string {
	t.Helper()
	path := filepath.Join(w.dir, name)
	require.NoError(t, os.WriteFile(path, []byte(text), 0o644))
	return path
}

// config writes a configuration of the page with other paths, and returns its path. Each
// replacement must be in the page.
func (w *movedWorld) config(t *testing.T, lang string, swaps ...string) string {
	t.Helper()
	text := w.blocks[lang]
	for i := 0; i < len(swaps); i += 2 {
		require.Contains(t, text, swaps[i], lang)
		text = strings.ReplaceAll(text, swaps[i], swaps[i+1])
	}
	return w.write(t, lang, text)
}

// socket returns the path of a socket.
func (w *movedWorld) socket(name string) string { return filepath.Join(w.dir, name+".sock") }

// startMilter starts a program, waits until a milter answers at a socket, and lets Postfix use it.
func startMilter(t *testing.T, socket string, cmd *exec.Cmd) *testproc.Process {
	t.Helper()
	p := testproc.Start(t, cmd)
	require.Eventually(t, func() bool {
		conn, err := mta.Dial(t.Context(), "unix:"+socket, mta.Config{})
		return err == nil && conn.Quit(t.Context()) == nil
	}, testproc.Patience, testproc.Patience/1000, p.Stderr)
	require.NoError(t, os.Chmod(socket, 0o666))
	return p
}

// postfixWith starts a Postfix that asks milters at sockets.
func postfixWith(t *testing.T, sockets ...string) *realmta.Postfix {
	t.Helper()
	var milters []string
	for _, s := range sockets {
		milters = append(milters, "unix:"+s)
	}
	return realmta.StartPostfix(t, realmta.PostfixConfig{Milters: milters, Main: map[string]string{
		"milter_default_action": "tempfail", "smtpd_authorized_xclient_hosts": "127.0.0.0/8", "mynetworks": "0.0.0.0/0",
	}})
}

// oldMilters starts the milters that the page moves from, and returns their sockets.
func (w *movedWorld) oldMilters(t *testing.T) []string {
	t.Helper()
	opendkim, pyspf, opendmarc := w.socket("opendkim"), w.socket("pyspf"), w.socket("opendmarc")
	startMilter(t, opendkim, exec.Command("/usr/sbin/opendkim", "-f", "-x", w.write(t, "opendkim.conf",
		"Mode v\nAuthservID mx.example.org\nAlwaysAddARHeader yes\nSocket local:"+opendkim+"\nTestDNSData file:"+filepath.Join(w.dir, "records")+"\n")))

	_, port, err := net.SplitHostPort(w.dns)
	require.NoError(t, err)
	conf := w.config(t, "policyd-spf.conf",
		"/run/pyspf-milter/pyspf-milter.sock", pyspf, "/run/pyspf-milter/pyspf-milter.pid", pyspf+".pid", "UserID = pyspf-milter", "UserID = root")
	startMilter(t, pyspf, exec.Command("/usr/bin/python3", "-c", pythonDNS(port)+"from spf_engine.milter_spf import main\nmain()\n", conf))

	library := filepath.Join(w.dir, "dns.so")
	out, err := exec.Command("gcc", "-D_GNU_SOURCE", "-shared", "-fPIC", "-o", library, "../contrib/remote/testdata/opendmarcdns.c").CombinedOutput()
	require.NoError(t, err, string(out))
	conf = w.config(t, "opendmarc.conf",
		"/run/opendmarc/opendmarc.sock", opendmarc, "/etc/opendmarc/ignore.hosts", w.config(t, "ignore.hosts"),
		"/usr/share/publicsuffix/public_suffix_list.dat", w.write(t, "suffixes", "example\norg\n"),
		"UserID               opendmarc\n", "")
	cmd := exec.Command("/usr/sbin/opendmarc", "-f", "-c", conf)
	cmd.Env = append(os.Environ(), "LD_PRELOAD="+library, "DNS_RECORDS="+dotted())
	startMilter(t, opendmarc, cmd)
	return []string{opendkim, pyspf, opendmarc}
}

// pythonDNS returns the beginning of a program that lets python3-spf ask a name server. It uses
// dnspython if that is installed, and otherwise PyDNS.
func pythonDNS(port string) string {
	return strings.ReplaceAll(`import spf
try:
    import dns.resolver
    dns.resolver.default_resolver = dns.resolver.Resolver(configure=False)
    dns.resolver.default_resolver.nameservers = ["127.0.0.1"]
    dns.resolver.default_resolver.port = PORT
except ImportError:
    import DNS
    DNS.defaults.update(server=["127.0.0.1"], port=PORT)
`, "PORT", port)
}

// dotted returns the records with a dot behind each name, as OpenDMARC asks for them.
func dotted() string {
	var lines []string
	for name, text := range texts {
		lines = append(lines, name+". "+text)
	}
	return strings.Join(lines, "\n")
}

// sluiced starts sluiced with the page's file, changed as swaps say. It returns the socket and
// the log.
func (w *movedWorld) sluiced(t *testing.T, program, name string, swaps ...string) (socket string, log *testproc.Buffer) {
	t.Helper()
	socket = w.socket(name)
	key := filepath.Join(w.dir, name+".key")
	require.NoError(t, dkim.SaveKey(key, w.key))
	conf := w.config(t, "yaml", append(swaps, "/etc/openarc/example.org.private", key)...)
	require.NoError(t, os.Rename(conf, conf+name))
	p := startMilter(t, socket, exec.Command(program, "-config", conf+name, "-dns", w.dns, "-listen", "unix:"+socket+"?mode=0666"))
	return socket, p.Stderr
}

func (w *movedWorld) resolver(t *testing.T) *resolver.Resolver {
	t.Helper()
	r, err := resolver.New(resolver.Config{Servers: []string{w.dns}})
	require.NoError(t, err)
	return r
}

// send sends a message, and says what became of it: the code and status of a refusal, or the
// results in the fields of this host.
func (w *movedWorld) send(t *testing.T, server *realmta.Postfix, n int, m *movedMessage) string {
	t.Helper()
	c := realmta.DialSMTP(t, server.Addr())
	defer c.Close()
	helo := cmp.Or(m.helo, "client.example")
	c.Cmd("EHLO " + helo)
	xclient := "XCLIENT NAME=client.example ADDR=" + m.client
	if m.login != "" {
		xclient += " LOGIN=" + m.login
	}
	code, text := c.Cmd(xclient)
	require.Equal(t, 220, code, text)
	c.Cmd("EHLO " + helo)
	to := fmt.Sprintf("m%d@example.test", n)
	code, text = c.Deliver(realmta.Message{From: "ann@" + m.sender, To: []string{to}, Data: w.data(t, m)})
	if code != 250 {
		status, _, _ := strings.Cut(text, " ")
		return fmt.Sprintf("%d %s", code, status)
	}
	if held, err := os.ReadDir(filepath.Join(server.QueueDir(), "hold")); err == nil && len(held) > 0 {
		for _, file := range held {
			require.NoError(t, os.Remove(filepath.Join(server.QueueDir(), "hold", file.Name())))
		}
		return "250 held"
	}
	got := server.Sink().Await(t, realmta.ToRecipient(to))
	return "250 " + resultsIn(t, string(got.Data))
}

// data returns a message.
func (w *movedWorld) data(t *testing.T, m *movedMessage) []byte {
	t.Helper()
	const body = "How are you?\r\n"
	header := "From: ann@" + m.from + "\r\nTo: bob@example.test\r\nDate: Mon, 30 Nov 2026 07:00:00 +0000\r\nMessage-ID: <1@example.org>\r\nSubject: " + m.name + "\r\n\r\n"
	fields := ""
	if m.signed != "" {
		list, err := dkim.Sign(dkim.Signing{Rules: []dkim.Rule{{Senders: []string{"*"}, ThirdParty: true, Keys: []dkim.Key{
			{Domain: m.signed, Selector: "s1", Signer: w.key},
		}}}}, strings.NewReader(header+body))
		require.NoError(t, err)
		fields = strings.Join(list, "")
	}
	if m.changed {
		return []byte(fields + header + body + "sent by a list\r\n")
	}
	return []byte(fields + header + body)
}

// resultsIn returns the results of SPF for the sender, DKIM and DMARC in the fields of this
// host. A method without a result is none.
func resultsIn(t *testing.T, message string) string {
	t.Helper()
	found := map[string]string{}
	header, _, _ := strings.Cut(message, "\r\n\r\n")
	for field := range strings.SplitSeq(strings.NewReplacer("\r\n ", " ", "\r\n\t", " ").Replace(header), "\r\n") {
		value, ok := strings.CutPrefix(field, authres.FieldName+": ")
		if !ok {
			continue
		}
		parsed, err := authres.Parse(value)
		require.NoError(t, err, value)
		require.Equal(t, "mx.example.org", parsed.ID)
		for _, r := range parsed.Results {
			if _, helo := r.Property("smtp", "helo"); r.Method == "spf" && helo && found["spf"] != "" {
				continue
			}
			found[r.Method] = r.Value
		}
	}
	var list []string
	for _, method := range []string{"spf", "dkim", "dmarc"} {
		list = append(list, method+"="+cmp.Or(found[method], "none"))
	}
	return strings.Join(list, " ")
}

// The page names each option of OpenDMARC's program that it has a row for, and each of
// pyspf-milter's.
func TestMovingNamesOptions(t *testing.T) {
	t.Parallel()
	text, err := os.ReadFile(movePage)
	require.NoError(t, err)
	_, page, ok := strings.Cut(string(text), "## Settings of OpenDMARC\n")
	require.True(t, ok)
	dmarc, page, ok := strings.Cut(page, "## Settings of policyd-spf and pyspf-milter\n")
	require.True(t, ok)
	spf, _, ok := strings.Cut(page, "## Settings of OpenARC\n")
	require.True(t, ok)
	program, err := os.ReadFile("/usr/sbin/opendmarc")
	require.NoError(t, err)
	names := optionNames(dmarc)
	require.Greater(t, len(names), 40)
	for _, name := range names {
		assert.True(t, bytes.Contains(bytes.ToLower(program), []byte("\x00"+strings.ToLower(name)+"\x00")), name)
	}
	settings, err := os.ReadFile("/usr/lib/python3/dist-packages/spf_engine/policydspfsupp.py")
	require.NoError(t, err)
	_, list, ok := strings.Cut(string(settings), "nameConversion = {")
	require.True(t, ok)
	list, _, _ = strings.Cut(list, "}")
	var want []string
	for _, m := range regexp.MustCompile(`'(\w+)' *:`).FindAllStringSubmatch(list, -1) {
		want = append(want, m[1])
	}
	require.Greater(t, len(want), 25)
	assert.Subset(t, optionNames(spf), want)
}

// optionNames returns the names in the first column of a table.
func optionNames(table string) (names []string) {
	for line := range strings.Lines(table) {
		cells := strings.Split(line, "|")
		if len(cells) < 3 {
			continue
		}
		for _, m := range regexp.MustCompile("`(\\w+)").FindAllStringSubmatch(cells[1], -1) {
			names = append(names, m[1])
		}
	}
	return names
}
