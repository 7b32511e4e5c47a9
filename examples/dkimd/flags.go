package main

import (
	"context"
	"flag"
	"fmt"
	"net"
	"strings"

	"github.com/sluicemail/sluice/contrib/dkim"
	"github.com/sluicemail/sluice/contrib/resolver"
	"github.com/sluicemail/sluice/examples/internal/yamlconf"
)

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
