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

// checkSummary is the text of -check -help above the flags.
const checkSummary = `Checks the configuration, summarizes it, and exits. With -replay it also says
what it would have done to recorded mail. The exit status is 0, or:

  1  the configuration has mistakes, or needs what the server of -behind lacks
  2  the arguments are wrong
  3  a program that runs with the file of -against would have to be restarted
  4  the configuration treats messages of -replay differently
  5  it does not, but some messages could not be replayed`

// addFlag adds the flag -check, if the program has it.
func (c *checks) addFlag(p *Program, fs *flag.FlagSet) {
	if p.Check != nil {
		fs.BoolVar(&c.check, "check", false, "check the configuration and exit; see -check -help")
	}
}

// addFlags adds the flags for -check that the program has.
func (c *checks) addFlags(p *Program, fs *flag.FlagSet) {
	if p.Check == nil {
		return
	}
	fs.Func("behind", "check for `server` "+listed(), c.setBehind)
	if p.Against != nil {
		fs.StringVar(&c.against, "against", "", "compare with `file`, which a running program has read")
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
