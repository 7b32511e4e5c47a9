package fxcli

import (
	"flag"
	"fmt"
	"time"

	"github.com/sluicemail/sluice/examples/internal/cli"
	"github.com/sluicemail/sluice/framework"
)

// Flags are the values of the flags that fx applications have in common.
type Flags struct {
	cli.Common

	// Listen are addresses, as framework.Listen takes them: one at the least
	// after Check.
	Listen []string
	// Drain is how long messages may finish.
	Drain time.Duration
}

// AddFlags adds the flags.
func (f *Flags) AddFlags(fs *flag.FlagSet) {
	fs.Func("listen", "listen on `address`; may be repeated: inet:PORT@HOST, inet6:PORT@HOST,\n"+
		"unix:PATH or fd:NAME (default "+cli.DefaultListen+")", f.addListen)
	f.Common.AddFlags(fs)
	fs.DurationVar(&f.Drain, "drain", framework.DefaultDrain, "how long messages may finish on SIGTERM, as a `duration`")
}

// Check says what is wrong with what was parsed, and fills in the address.
func (f *Flags) Check(fs *flag.FlagSet) error {
	switch {
	case fs.NArg() > 0:
		return fmt.Errorf("no argument is expected, but there is %q", fs.Arg(0))
	case f.Drain <= 0:
		return fmt.Errorf("-drain %v is not above zero", f.Drain)
	}
	if f.Listen == nil {
		f.Listen = []string{cli.DefaultListen}
	}
	return nil
}

func (f *Flags) addListen(value string) error {
	f.Listen = append(f.Listen, value)
	return cli.CheckAddress(value)
}
