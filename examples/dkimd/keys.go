package main

import (
	"context"
	"crypto"
	"errors"
	"fmt"
	"io"

	"github.com/sluicemail/sluice/contrib/dkim"
	"github.com/sluicemail/sluice/examples/internal/cli"
)

const keygenUsage = "keygen -domain D -selector S [-type T] [-bits N] -out FILE"

// keygen writes a new private key to a file and prints the record to publish.
func keygen(_ context.Context, args []string, stdout io.Writer) error {
	fs := cli.NewFlagSet("keygen")
	domain := fs.String("domain", "", "the signing `domain` (d=)")
	selector := fs.String("selector", "", "the `selector` (s=)")
	kind := fs.String("type", "rsa", "the `kind` of key: rsa or ed25519")
	bits := fs.Int("bits", dkim.DefaultBits, "the size of an RSA key in `bits`, at least 1024")
	out := fs.String("out", "", "the new `file` for the private key")
	if err := cli.ParseCommand(fs, "dkimd "+keygenUsage, args, stdout, 0); err != nil {
		return cli.WithoutHelp(err)
	}
	if err := cli.Require(fs, "domain", "selector", "out"); err != nil {
		return err
	}
	if *kind != "rsa" && *kind != "ed25519" {
		return cli.Usagef("-type: want rsa or ed25519")
	}
	if err := dkim.CheckNames(*selector, *domain); err != nil {
		return cli.Usagef("%w", err)
	}
	key, err := dkim.GenerateKey(*kind, *bits)
	if err != nil {
		return err
	}
	record, err := dkim.FormatRecord(key.Public())
	if err != nil {
		return err
	}
	if err := dkim.SaveKey(*out, key); err != nil {
		return err
	}
	_, err = fmt.Fprintln(stdout, dkim.ZoneLine(*selector, *domain, record))
	return err
}

const testkeyUsage = "testkey [-config FILE | -domain D -selector S [-key FILE]] [flags]"

// testkey looks up one or more key records and compares them with private keys.
func testkey(ctx context.Context, args []string, stdout io.Writer) error {
	var dns dnsFlags
	fs := cli.NewFlagSet("testkey")
	config := fs.String("config", "", "test all keys of the configuration `file`")
	domain := fs.String("domain", "", "the signing `domain` (d=)")
	selector := fs.String("selector", "", "the `selector` (s=)")
	path := fs.String("key", "", "compare with the private key in `file`")
	dns.add(fs)
	if err := cli.ParseCommand(fs, "dkimd "+testkeyUsage, args, stdout, 0); err != nil {
		return cli.WithoutHelp(err)
	}
	resolver, err := dns.resolver()
	if err != nil {
		return err
	}
	if *config != "" {
		return testAll(ctx, *config, dns, stdout)
	}
	if err := cli.Require(fs, "domain", "selector"); err != nil {
		return err
	}
	var public crypto.PublicKey
	if *path != "" {
		key, err := dkim.LoadKey(*path)
		if err != nil {
			return err
		}
		public = key.Public()
	}
	return testOne(ctx, resolver, *selector, *domain, public, stdout)
}

// testAll tests all keys of a configuration. The DNS flags take precedence over
// the configuration's DNS settings.
func testAll(ctx context.Context, path string, dns dnsFlags, stdout io.Writer) error {
	s, err := loadConfig(path)
	if err != nil {
		return err
	}
	resolver := s.resolver
	if dns != (dnsFlags{}) {
		if resolver, err = dns.resolver(); err != nil {
			return err
		}
	}
	var errs []error
	for _, rule := range s.config.Signing.Rules {
		for _, k := range rule.Keys {
			if k.Domain == "%" {
				_, _ = fmt.Fprintf(stdout, "%s: not tested: the domain depends on the sender\n", k.Selector)
				continue
			}
			errs = append(errs, testOne(ctx, resolver, k.Selector, k.Domain, k.Signer.Public(), stdout))
		}
	}
	return errors.Join(errs...)
}

// recordOf returns the record with a key. One of the records has it.
func recordOf(public crypto.PublicKey, records []*dkim.Record) *dkim.Record {
	key, ok := public.(interface {
		Equal(other crypto.PublicKey) bool
	})
	for _, record := range records {
		if ok && key.Equal(record.Public) {
			return record
		}
	}
	return records[0]
}

func testOne(ctx context.Context, r dkim.Resolver, selector, domain string, public crypto.PublicKey, stdout io.Writer) error {
	name := dkim.RecordName(selector, domain)
	records, err := dkim.LookupRecords(ctx, r, selector, domain)
	if err != nil {
		return fmt.Errorf("%s: %w", name, err)
	}
	record, what := records[0], "published"
	if public != nil {
		if err := dkim.CheckPublished(ctx, r, selector, domain, public); err != nil {
			return fmt.Errorf("%s: %w", name, err)
		}
		record, what = recordOf(public, records), "published, and the key is the same"
	}
	if len(records) > 1 {
		what += fmt.Sprintf(", one of %d key records", len(records))
	}
	if record.Testing {
		what += ", testing (t=y)"
	}
	_, err = fmt.Fprintf(stdout, "%s: %s, %d bits, %s\n", name, record.Type, record.Bits, what)
	return err
}
