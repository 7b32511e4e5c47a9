package main

import (
	"errors"
	"flag"
	"fmt"
	"strings"

	"github.com/sluicemail/sluice/examples/testmilter/filter"
)

// flags holds the values of the command line. They are converted to [filter.Orders]
// together, because the meaning of one flag can depend on another.
type flags struct {
	action, stage      string
	body, sender       string
	change, insert     string
	macroStage, macros string
	unsent, unanswered list
	added, deleted     list
	rawHeaders         bool
	rejected, verbose  bool
	connections        int
}

// list holds the values of a flag that may be repeated.
type list []string

// String implements [flag.Value].
func (l *list) String() string { return strings.Join(*l, ",") }

// Set implements [flag.Value].
func (l *list) Set(v string) error {
	if v == "" {
		return errors.New("want a value")
	}
	*l = append(*l, v)
	return nil
}

func (f *flags) register(fs *flag.FlagSet) {
	fs.StringVar(&f.action, "a", "", "")
	fs.StringVar(&f.stage, "c", "", "")
	fs.Var(&f.added, "A", "")
	fs.Var(&f.deleted, "D", "")
	fs.StringVar(&f.body, "b", "", "")
	fs.StringVar(&f.sender, "f", "", "")
	fs.StringVar(&f.change, "h", "", "")
	fs.StringVar(&f.insert, "i", "", "")
	fs.BoolVar(&f.rawHeaders, "l", false, "")
	fs.StringVar(&f.macroStage, "m", "connect", "")
	fs.StringVar(&f.macros, "M", "", "")
	fs.Var(&f.unsent, "n", "")
	fs.Var(&f.unanswered, "N", "")
	fs.Func("p", "", func(v string) error { return fs.Set("listen", v) })
	fs.BoolVar(&f.rejected, "r", false, "")
	fs.BoolVar(&f.verbose, "v", false, "")
	fs.IntVar(&f.connections, "C", 0, "")
}

// orders checks the flags, alone and in combination, and returns the orders
// that they give.
func (f *flags) orders() (o filter.Orders, err error) {
	o = filter.Orders{
		Add: f.added, Delete: f.deleted, BodyFile: f.body, Sender: f.sender,
		RawHeaders: f.rawHeaders, Rejected: f.rejected, Verbose: f.verbose, Connections: f.connections,
	}
	if o.Connections < 0 {
		return o, errors.New("-C: want 0 or more")
	}
	if f.sender != "" && strings.TrimSpace(f.sender) == "" {
		return o, errors.New("-f: want an address")
	}
	if err := f.verdict(&o); err != nil {
		return o, err
	}
	if err := f.stages(&o); err != nil {
		return o, err
	}
	if o.Change, err = parseField(f.change, f.rawHeaders); err != nil {
		return o, fmt.Errorf("-h: %w", err)
	}
	if o.Insert, err = parseField(f.insert, f.rawHeaders); err != nil {
		return o, fmt.Errorf("-i: %w", err)
	}
	if o.Insert != nil && o.Insert.Value == "" {
		return o, errors.New("-i: want 'index name value'")
	}
	return o, f.checkBodyFile()
}

// Parse parses the filter's own flags, without the shared ones, and returns the
// orders that they give.
func Parse(args []string) (filter.Orders, error) {
	var f flags
	fs := flag.NewFlagSet("testmilter", flag.ContinueOnError)
	f.register(fs)
	if err := fs.Parse(args); err != nil {
		return filter.Orders{}, err
	}
	return f.orders()
}
