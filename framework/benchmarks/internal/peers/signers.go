package peers

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/sluicemail/sluice/wire/mta"

	"github.com/sluicemail/sluice/framework/benchmarks/internal/workload"
)

// signers are both signers, configured alike.
type signers struct {
	dir    string // with the key, the record and the configurations
	binary string // of dkimd
}

// opendkimConf signs what the load generator's client sends. The key is in a
// directory that OpenDKIM does not find safe, being below one that is for all.
const opendkimConf = `Mode                s
Syslog              no
Domain              example.org
Selector            s
KeyFile             DIR/key.pem
RequireSafeKeys     no
Canonicalization    relaxed/relaxed
InternalHosts       192.0.2.0/24
SignHeaders         HEADERS
OversignHeaders     From
`

const dkimdYAML = `mode: sign
trust: {networks: [192.0.2.0/24]}
keys:
  - {name: key, domain: example.org, selector: s, file: DIR/key.pem}
signing:
  rules:
    - {senders: [example.org], keys: [key]}
  canonicalization: relaxed/relaxed
  headers: [HEADERS]
  oversign: [From]
`

// signedFields are the fields that are signed.
const signedFields = "From,Sender,Reply-To,Subject,Date,Message-ID,To,Cc,MIME-Version,Content-Type,Content-Transfer-Encoding,In-Reply-To,References,List-Id,List-Unsubscribe"

// newSigners builds dkimd, makes a key of 2048 bits, and writes both
// configurations.
func (b *Bench) newSigners(ctx context.Context) (*signers, error) {
	root, err := output(ctx, "", "go", "list", "-m", "-f", "{{.Dir}}", "github.com/sluicemail/sluice")
	if err != nil {
		return nil, err
	}
	s := &signers{dir: b.dir, binary: filepath.Join(b.dir, "dkimd")}
	if _, err := output(ctx, root, "go", "build", "-o", s.binary, "./examples/dkimd"); err != nil {
		return nil, err
	}
	line, err := output(ctx, "", s.binary, "keygen", "-domain", "example.org", "-selector", "s", "-out", s.path("key.pem"))
	if err != nil {
		return nil, err
	}
	expand := strings.NewReplacer("DIR", b.dir, "HEADERS", signedFields)
	for name, text := range map[string]string{
		"opendkim.conf": expand.Replace(opendkimConf), "dkimd.yaml": expand.Replace(dkimdYAML),
		"records": recordOf(line),
	} {
		if err := os.WriteFile(s.path(name), []byte(text), 0o600); err != nil {
			return nil, err
		}
	}
	return s, nil
}

func (s *signers) path(name string) string { return filepath.Join(s.dir, name) }

// recordOf turns a line of a zone into one of dkimd's file of records: a name
// and its text.
func recordOf(line string) string {
	name, _, _ := strings.Cut(line, " ")
	var text strings.Builder
	for i, part := range strings.Split(line, `"`) {
		if i%2 == 1 {
			text.WriteString(part)
		}
	}
	return name + " " + text.String() + "\n"
}

func (s *signers) openDKIM(ctx context.Context, network string) (*child, error) {
	c := &child{server: OpenDKIM, network: network}
	return s.start(ctx, c, "/usr/sbin/opendkim", "-f", "-x", s.path("opendkim.conf"), "-p")
}

func (s *signers) dkimd(ctx context.Context, network string) (*child, error) {
	c := &child{server: Dkimd, network: network}
	return s.start(ctx, c, s.binary, "-config", s.path("dkimd.yaml"), "-log-level", "warn", "-listen")
}

// start starts a signer whose last argument is its address.
func (s *signers) start(ctx context.Context, c *child, argv ...string) (_ *child, err error) {
	if c.address, err = freeAddress(c.network, s.dir); err != nil {
		return nil, err
	}
	return c, c.start(ctx, append(argv, c.milter()))
}

// milter returns the address as milters write it.
func (c *child) milter() string {
	if c.network == "unix" {
		return "unix:" + c.address
	}
	i := strings.LastIndexByte(c.address, ':')
	return "inet:" + c.address[i+1:] + "@" + c.address[:i]
}

// verify has a signer sign a letter, and dkimd verify it.
func (s *signers) verify(ctx context.Context, c *child) error {
	conn, err := mta.Dial(ctx, c.milter(), mta.Config{})
	if err != nil {
		return err
	}
	defer func() { _ = conn.Close() }()
	letter := workload.NewLetter(8 << 10)
	msg := &mta.Message{
		Client: mta.Client{Host: "client.example.com", Addr: "192.0.2.1"}, Sender: mta.Address{Addr: "<" + letter.Sender + ">"},
		Recipients: []mta.Recipient{{Addr: "<" + letter.Recipients[0] + ">"}}, Body: letter.Body,
	}
	for _, f := range letter.Header {
		msg.Header = append(msg.Header, mta.Field{Name: f.Name, Value: " " + f.Value})
	}
	out, err := conn.Send(ctx, msg)
	if err != nil {
		return err
	}
	if out.Edited == nil {
		return fmt.Errorf("%s does not take the letter: %v", c.server, out.Verdict)
	}
	if err := os.WriteFile(s.path("letter"), out.Edited.Bytes(), 0o600); err != nil {
		return err
	}
	if _, err = output(ctx, "", s.binary, "verify", "-records", s.path("records"), s.path("letter")); err != nil {
		return fmt.Errorf("what %s has signed: %w\n%s", c.server, err, c.stderr.String())
	}
	return nil
}
