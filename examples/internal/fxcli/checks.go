package fxcli

import (
	"errors"
	"flag"
	"io"
	"strings"

	"github.com/sluicemail/sluice/examples/internal/behind"
	"github.com/sluicemail/sluice/framework"
)

// checks holds the values of the flags -check, -against and -behind.
type checks struct {
	check   bool
	against string
	behind  behind.Server
}

// addFlags adds the flags that the program has.
func (c *checks) addFlags(p *Program, fs *flag.FlagSet) {
	if p.Check == nil {
		return
	}
	fs.BoolVar(&c.check, "check", false, "check the configuration, summarize it, and exit")
	fs.Func("behind", "check for `server` "+listed(), c.setBehind)
	if p.Against != nil {
		fs.StringVar(&c.against, "against", "", "with -check, compare with `file`: 3 means a restart")
	}
}

// listed returns the names of the servers as one text.
func listed() string {
	names := behind.Names()
	last := len(names) - 1
	return strings.Join(names[:last], ", ") + " or " + names[last]
}

func (c *checks) setBehind(name string) error {
	server, ok := behind.Find(name)
	if !ok {
		return errors.New("want " + listed())
	}
	c.behind = server
	return nil
}

func (c *checks) validate() error {
	switch {
	case c.check:
		return nil
	case c.against != "":
		return errors.New("-against needs -check")
	case c.behind.Name != "":
		return errors.New("-behind needs -check")
	}
	return nil
}

// run summarizes the configuration. Then it says what becomes of it behind a server, and compares
// it with another one, if flags ask for that. It does the latter also if the server lacks
// something.
func (c *checks) run(p *Program, stdout io.Writer, plan *framework.Plan) error {
	if err := p.Check(stdout, plan); err != nil {
		return err
	}
	var errs []error
	if c.behind.Name != "" {
		errs = append(errs, c.report(p, stdout, plan))
	}
	if c.against != "" {
		errs = append(errs, p.Against(c.against))
	}
	return errors.Join(errs...)
}

// report says what becomes of the configuration behind a server.
func (c *checks) report(p *Program, stdout io.Writer, plan *framework.Plan) (err error) {
	var needs []behind.Need
	if p.Needs != nil {
		if needs, err = p.Needs(); err != nil {
			return err
		}
	}
	return behind.Report(stdout, plan, &c.behind, needs)
}
