package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"net"
	"strings"

	"github.com/sluicemail/sluice/contrib/dkim"
	"github.com/sluicemail/sluice/contrib/resolver"
	"github.com/sluicemail/sluice/examples/internal/cli"
	"github.com/sluicemail/sluice/examples/internal/yamlconf"
)

// parseFlags parses a command's flags and checks that exactly count arguments
// follow them. With -h it prints the usage and returns [flag.ErrHelp], which the
// caller must pass to withoutHelp.
func parseFlags(fs *flag.FlagSet, usage string, args []string, stdout io.Writer, count int) error {
	err := fs.Parse(args)
	switch {
	case errors.Is(err, flag.ErrHelp):
		_, _ = fmt.Fprintf(stdout, "usage: dkimd %s\n\n", usage)
		cli.PrintFlags(stdout, fs)
		return flag.ErrHelp
	case err != nil:
		return cli.Usagef("%w", err)
	case fs.NArg() != count:
		return cli.Usagef("usage: dkimd %s", usage)
	default:
		return nil
	}
}

// require returns an error if one of the named flags has no value.
func require(fs *flag.FlagSet, names ...string) error {
	for _, name := range names {
		if fs.Lookup(name).Value.String() == "" {
			return cli.Usagef("-%s is required", name)
		}
	}
	return nil
}

// withoutHelp returns nil for [flag.ErrHelp], because a request for help is not
// a failure, and any other error as it is.
func withoutHelp(err error) error {
	if errors.Is(err, flag.ErrHelp) {
		return nil
	}
	return err
}

// dnsFlags holds the values of the flags that say where to look up keys.
type dnsFlags struct{ server, records string }

func (d *dnsFlags) add(fs *flag.FlagSet) {
	fs.StringVar(&d.server, "dns", "", "use the name server at `address`, such as 127.0.0.1:53")
	fs.StringVar(&d.records, "records", "", "read a name and its text from each line of `file`, not from the DNS")
}

func (d *dnsFlags) resolver() (dkim.Resolver, error) {
	if d.records != "" {
		return readRecords(d.records)
	}
	var cfg resolver.Config
	if d.server != "" {
		cfg.Servers = []string{d.server}
	}
	r, err := resolver.New(cfg)
	if err != nil {
		return nil, err
	}
	return r, nil
}

// records holds key records from a file, by name.
type records map[string][]string

// LookupTXT implements [dkim.Resolver].
func (r records) LookupTXT(_ context.Context, name string) ([]string, error) {
	name = strings.ToLower(strings.TrimSuffix(name, "."))
	texts, ok := r[name]
	if !ok {
		return nil, &net.DNSError{Err: "no such host", Name: name, IsNotFound: true}
	}
	return texts, nil
}

func readRecords(path string) (records, error) {
	text, err := yamlconf.ReadFile(path)
	if err != nil {
		return nil, err
	}
	r := make(records)
	for line := range strings.Lines(strings.TrimPrefix(string(text), yamlconf.ByteOrderMark)) {
		line = strings.TrimSpace(line)
		name, record, ok := strings.Cut(line, " ")
		switch {
		case line == "" || line[0] == '#':
		case !ok:
			return nil, fmt.Errorf("%s: want a name and its text on each line", path)
		default:
			name = strings.ToLower(strings.TrimSuffix(name, "."))
			r[name] = append(r[name], strings.TrimSpace(record))
		}
	}
	return r, nil
}
