package main

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"time"

	"github.com/sluicemail/sluice/contrib/dkim"
	"github.com/sluicemail/sluice/examples/internal/cli"
	"github.com/sluicemail/sluice/examples/internal/dkimfile"
)

const signUsage = "sign -domain D -selector S -key FILE [flags] MESSAGE"

// sign prints a message with a new signature at the top.
func sign(_ context.Context, args []string, stdout io.Writer) error {
	var cfg dkim.Signing
	fs := cli.NewFlagSet("sign")
	domain := fs.String("domain", "", "the signing `domain` (d=)")
	selector := fs.String("selector", "", "the `selector` (s=)")
	path := fs.String("key", "", "the private key's `file`")
	readable := fs.Bool("allow-readable", false, "accept a key file that others can read")
	canonical := fs.String("canonicalization", "relaxed/relaxed", "the canonicalization of header and body, each `simple or relaxed`")
	identity := fs.String("identity", "", "the `identity` (i=)")
	fs.DurationVar(&cfg.Lifetime, "lifetime", 0, "how long the signature is valid, such as 168h; 0 is forever")
	if err := cli.ParseCommand(fs, "dkimd "+signUsage, args, stdout, 1); err != nil {
		return cli.WithoutHelp(err)
	}
	if err := cli.Require(fs, "domain", "selector", "key"); err != nil {
		return err
	}
	var err error
	if cfg.Header, cfg.Body, err = dkimfile.ParseCanonicalization(*canonical); err != nil {
		return cli.Usagef("-canonicalization: %w", err)
	}
	key, err := dkimfile.LoadKey(*path, *readable)
	if err != nil {
		return err
	}
	// The user chooses the message and the domain, so the author's domain
	// does not matter.
	cfg.Rules = []dkim.Rule{{Senders: []string{"*"}, ThirdParty: true, Keys: []dkim.Key{
		{Domain: *domain, Selector: *selector, Signer: key, Identity: *identity},
	}}}
	f, err := open(fs.Arg(0))
	if err != nil {
		return err
	}
	defer func() { _ = f.Close() }()
	fields, err := dkim.Sign(cfg, f)
	if err != nil {
		return err
	}
	if _, err := f.Seek(0, io.SeekStart); err != nil {
		return err
	}
	return writeSigned(stdout, fields, f)
}

// writeSigned writes the header fields and then the message. It converts the
// line ends of the fields to those of the message.
func writeSigned(w io.Writer, fields []string, message io.Reader) error {
	r := bufio.NewReader(message)
	start, err := r.Peek(r.Size())
	if err != nil && !errors.Is(err, io.EOF) {
		return err
	}
	text := strings.Join(fields, "")
	if line, _, _ := bytes.Cut(start, []byte("\n")); !bytes.HasSuffix(line, []byte("\r")) {
		text = strings.ReplaceAll(text, "\r\n", "\n")
	}
	if _, err := io.WriteString(w, text); err != nil {
		return err
	}
	_, err = io.Copy(w, r)
	return err
}

// open opens a message, or the standard input if the path is "-". It reads the
// standard input into memory, because signing reads the message twice.
func open(path string) (interface {
	io.ReadSeeker
	io.Closer
}, error,
) {
	if path != "-" {
		return os.Open(path) //nolint:gosec // the user names it
	}
	text, err := io.ReadAll(os.Stdin)
	return inMemory{bytes.NewReader(text)}, err
}

type inMemory struct{ *bytes.Reader }

func (inMemory) Close() error { return nil }

const verifyUsage = "verify [-dns ADDRESS | -records FILE] [-timeout D] FILE"

// errNotValid makes verify fail if no signature of the message is valid.
var errNotValid = errors.New("no valid signature")

// verify prints the result for each of a message's signatures. It fails if none
// of them is valid.
func verify(ctx context.Context, args []string, stdout io.Writer) error {
	var dns dnsFlags
	fs := cli.NewFlagSet("verify")
	dns.add(fs)
	timeout := fs.Duration("timeout", 10*time.Second, "how long to wait for keys, as a `duration`")
	if err := cli.ParseCommand(fs, "dkimd "+verifyUsage, args, stdout, 1); err != nil {
		return cli.WithoutHelp(err)
	}
	resolver, err := dns.resolver()
	if err != nil {
		return err
	}
	f, err := open(fs.Arg(0))
	if err != nil {
		return err
	}
	defer func() { _ = f.Close() }()
	results, err := dkim.Verify(ctx, dkim.Verifying{Resolver: resolver, Timeout: *timeout}, f)
	if err != nil {
		return err
	}
	valid := false
	for i := range results {
		valid = valid || results[i].Status == dkim.StatusPass
		if _, err := fmt.Fprintln(stdout, describe(&results[i])); err != nil {
			return err
		}
	}
	if !valid {
		return errNotValid
	}
	return nil
}

// describe returns a result as one line of text.
func describe(r *dkim.Result) string {
	line := string(r.Status)
	add := func(name, value string) {
		if value != "" {
			line += " " + name + "=" + value
		}
	}
	add("d", r.Domain)
	add("s", r.Selector)
	add("i", r.AUID)
	add("a", r.Algorithm)
	if r.Bits > 0 {
		add("bits", fmt.Sprint(r.Bits))
	}
	if r.Reason != "" {
		line += " (" + r.Reason + ")"
	}
	return line
}
