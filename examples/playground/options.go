package main

import (
	"fmt"
	"net"

	"github.com/sluicemail/sluice/examples/internal/cli"
	"github.com/sluicemail/sluice/examples/internal/inspecting"
)

const usage = `Playground: an SMTP server, a mail filter behind it, and a Maildir, in one
process. It sends itself a message, shows what the filter does with it, and then
serves until Ctrl-C.

  go run ./examples/playground [flags]

  -once                 exit after the sample message
  -json                 print a line of JSON for each message, and nothing else
  -smtp ADDRESS         serve SMTP on this address (default 127.0.0.1:2525)
  -maildir DIR          store accepted mail in this folder (default: a temporary
                        folder, which is removed at the end)
  -keep                 keep the temporary folder
  -inspect ADDRESS|off  serve the page that shows each message here (default
                        127.0.0.1:8025, or a free port if that is taken)
  -explain text|json    print what the filters ask of the mail server and why,
                        and exit
  -log-level LEVEL      log at this level and above, to standard error: debug,
                        info, warn (the default) or error
  -log-format text|json the format of the log (default text)
  -version              print the version and exit

The exit status is 0 after Ctrl-C and -once, 1 if serving failed, and 2 for
wrong arguments.
`

// options holds the values of the command line.
type options struct {
	cli.Common

	once, json bool
	smtp       string
	maildir    string
	keep       bool
	inspect    inspecting.Flag
}

func parse(args []string) (*options, error) {
	o := new(options)
	fs := cli.NewFlagSet("playground")
	o.AddFlags(fs)
	_ = fs.Set("log-level", "warn") // the log at the level info would repeat what the program prints
	fs.BoolVar(&o.once, "once", false, "")
	fs.BoolVar(&o.json, "json", false, "")
	fs.StringVar(&o.smtp, "smtp", "127.0.0.1:2525", "")
	fs.StringVar(&o.maildir, "maildir", "", "")
	fs.BoolVar(&o.keep, "keep", false, "")
	o.inspect.AddFlag(fs)
	if err := fs.Parse(args); err != nil {
		return nil, err
	}
	if err := cli.NoArguments(fs); err != nil {
		return nil, err
	}
	if _, _, err := net.SplitHostPort(o.smtp); err != nil {
		return nil, fmt.Errorf("-smtp: want HOST:PORT, not %q", o.smtp)
	}
	return o, nil
}
