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

// signers holds the files that both signers use.
type signers struct {
	dir    string // of the key, the record and the configurations
	binary string // of dkimd
}

// opendkimConf is the configuration of OpenDKIM. It signs mail from the load
// generator's client. RequireSafeKeys is off because OpenDKIM does not trust a
// key below a directory that every user can write to.
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

// signedFields lists the header fields to sign.
const signedFields = "From,Sender,Reply-To,Subject,Date,Message-ID,To,Cc,MIME-Version,Content-Type,Content-Transfer-Encoding,In-Reply-To,References,List-Id,List-Unsubscribe"

// newSigners builds dkimd, generates a key of 2048 bits, and writes both
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

// recordOf converts a line of a zone file to a line of dkimd's record file: a
// name and its text.
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

// milter returns the address in the notation of milters.
func (c *child) milter() string {
	if c.network == "unix" {
		return "unix:" + c.address
	}
	i := strings.LastIndexByte(c.address, ':')
	return "inet:" + c.address[i+1:] + "@" + c.address[:i]
}

// verify lets a signer sign a letter and checks the signature with dkimd.
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
		return fmt.Errorf("%s refused the letter: %v", c.server, out.Verdict)
	}
	if err := os.WriteFile(s.path("letter"), out.Edited.Bytes(), 0o600); err != nil {
		return err
	}
	if _, err = output(ctx, "", s.binary, "verify", "-records", s.path("records"), s.path("letter")); err != nil {
		return fmt.Errorf("verify the signature of %s: %w\n%s", c.server, err, c.stderr.String())
	}
	return nil
}
