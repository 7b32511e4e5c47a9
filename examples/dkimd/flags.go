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
	"github.com/sluicemail/sluice/examples/internal/cli"
)

// parseFlags parses a command's arguments. With -h it prints the usage and
// returns errHelp, which is no failure.
func parseFlags(fs *flag.FlagSet, usage string, args []string, stdout io.Writer, rest int) error {
	err := fs.Parse(args)
	switch {
	case errors.Is(err, flag.ErrHelp):
		_, _ = fmt.Fprintf(stdout, "usage: dkimd %s\n\n", usage)
		cli.PrintFlags(stdout, fs)
		return flag.ErrHelp
	case err != nil:
		return cli.Usagef("%w", err)
	case fs.NArg() != rest:
		return cli.Usagef("usage: dkimd %s", usage)
	default:
		return nil
	}
}

// need refuses flags that were not given.
func need(fs *flag.FlagSet, names ...string) error {
	for _, name := range names {
		if fs.Lookup(name).Value.String() == "" {
			return cli.Usagef("-%s is needed", name)
		}
	}
	return nil
}

// noHelp makes nothing of the request for help.
func noHelp(err error) error {
	if errors.Is(err, flag.ErrHelp) {
		return nil
	}
	return err
}

// dnsFlags are the flags that say where keys are looked up.
type dnsFlags struct{ server, records string }

func (d *dnsFlags) add(fs *flag.FlagSet) {
	fs.StringVar(&d.server, "dns", "", "ask the name server at `address`, such as 127.0.0.1:53, not the system's")
	fs.StringVar(&d.records, "records", "", "in place of the DNS, a `file` with a name and its text on each line")
}

func (d *dnsFlags) resolver() (dkim.Resolver, error) {
	if d.records != "" {
		return readRecords(d.records)
	}
	if d.server == "" {
		return net.DefaultResolver, nil
	}
	return dkim.NameServers(d.server)
}

// records are key records that are not in the DNS.
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
	text, err := readFile(path)
	if err != nil {
		return nil, err
	}
	r := make(records)
	for line := range strings.Lines(string(text)) {
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
