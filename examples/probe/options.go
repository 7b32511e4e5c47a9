package main

import (
	"errors"
	"flag"
	"fmt"
	"io"
	"net/netip"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/sluicemail/sluice/examples/internal/cli"
	"github.com/sluicemail/sluice/wire"
	"github.com/sluicemail/sluice/wire/mta"
)

const usage = `probe acts as the MTA for a milter: it sends a message through the filter and
shows the negotiation, every reply, the modifications and the edited message.

  probe -milter ADDRESS [flags] MESSAGE.eml          (- reads standard input)
  probe -milter ADDRESS -replay FILE|FOLDER [flags]  (see probe -replay -help)

  -milter ADDRESS           inet:9000@127.0.0.1, inet6:9000@::1, unix:/run/x
  -from "ADDRESS ARG=..."   the envelope sender with ESMTP arguments; "" is <>
  -rcpt "ADDRESS ARG=..."   an envelope recipient; may be repeated
  -helo NAME                the client's name for itself
  -client IP                the client's address
  -macro STAGE:NAME=VALUE   send a macro; may be repeated. STAGE is connect,
                            helo, mail, rcpt, data, eoh or eom
  -version N                the milter protocol version to offer, 2 to 6
  -mta postfix|sendmail     the MTA to imitate
  -timeout DURATION         how long a reply may take, such as 30s, even if the
                            filter sends SMFIR_PROGRESS meanwhile
  -json                     print JSON
  -V                        print the version of probe itself and exit

The exit status is 0 whatever the verdict, 1 if the milter cannot be reached or
breaks the protocol, 2 for wrong arguments.
`

const replayUsage = `probe -replay plays recorded mail to a milter, and shows for each message what
the milter does differently than the recorded one did.

  probe -milter ADDRESS -replay FILE|FOLDER [flags]

  -replay FILE|FOLDER       the records, as framework/inspect writes them
  -flavor postfix|sendmail|stalwart|plain
                            the MTA to imitate instead of the recorded one
  -ignore FIELD[:TAG,...]   leave out a header field, or tags of it, such as
                            DKIM-Signature:t,b; may be repeated
  -codes                    compare the codes of replies, and not their texts
  -assume                   assume that what is not recorded was not there
  -connections N            play N messages at the same time
  -milter, -timeout, -json  as probe -help says

The exit status is 0 if no message is treated differently, 4 if any is, 5 if
none is but some could not be replayed, 1 if the milter or the records cannot be
reached, and 2 for wrong arguments.
`

// options holds the values of the command line.
type options struct {
	milter  string
	path    string
	json    bool
	version uint
	about   bool
	flavor  mta.Flavor
	timeout time.Duration
	macros  []macroFlag
	message *mta.Message
	replay  replayFlags
	unused  []string // the flags that were given, with -replay
}

func parse(args []string) (*options, error) {
	o := &options{message: new(mta.Message)}
	m := o.message
	fs := cli.NewFlagSet("probe")
	fs.StringVar(&o.milter, "milter", "", "")
	fs.UintVar(&o.version, "version", wire.MaxVersion, "")
	fs.DurationVar(&o.timeout, "timeout", 30*time.Second, "")
	fs.BoolVar(&o.json, "json", false, "")
	fs.BoolVar(&o.about, "V", false, "")
	fs.StringVar(&m.Helo, "helo", "", "")
	fs.Func("from", "", func(s string) error {
		m.Sender.Addr, m.Sender.Args = envelope(s)
		return nil
	})
	fs.Func("rcpt", "", func(s string) error {
		addr, args := envelope(s)
		m.Recipients = append(m.Recipients, mta.Recipient{Addr: addr, Args: args})
		return nil
	})
	fs.Func("client", "", o.setClient)
	fs.Func("mta", "", o.setFlavor)
	fs.Func("macro", "", o.addMacro)
	o.replay.AddFlags(fs)
	fs.Func("flavor", "", o.replay.setFlavor)
	fs.UintVar(&o.replay.connections, "connections", 1, "")
	err := fs.Parse(args)
	if o.replay.isHelp() {
		err = flag.ErrHelp
	}
	if err != nil {
		return o, err
	}
	if o.about {
		return o, nil
	}
	if err := o.replay.validate(); err != nil {
		return nil, err
	}
	if o.replay.Path != "" {
		fs.Visit(func(f *flag.Flag) { o.unused = append(o.unused, f.Name) })
	}
	return o, o.check(fs.Args())
}

// help returns the text of -help for the flags before it.
func (o *options) help() string {
	if o.replay.Path != "" {
		return replayUsage
	}
	return usage
}

// ofMessages are the flags that say something of a message that is not recorded.
var ofMessages = []string{"from", "rcpt", "helo", "client", "macro", "version", "mta"}

func (o *options) check(rest []string) error {
	for _, name := range o.unused {
		if slices.Contains(ofMessages, name) {
			return fmt.Errorf("-%s has no effect with -replay", name)
		}
	}
	switch {
	case o.milter == "":
		return errors.New("-milter is required; try -help")
	case o.version < wire.MinVersion || o.version > wire.MaxVersion:
		return fmt.Errorf("-version %d is not between %d and %d", o.version, wire.MinVersion, wire.MaxVersion)
	case o.timeout <= 0:
		return errors.New("-timeout must be above zero")
	case o.replay.Path != "" && len(rest) > 0:
		return errors.New("-replay takes no message")
	case o.replay.Path != "":
		_, _, err := mta.ParseAddr(o.milter)
		return err
	case len(rest) != 1:
		return fmt.Errorf("want one message, not %d; try -help", len(rest))
	}
	o.path = rest[0]
	_, _, err := mta.ParseAddr(o.milter)
	return err
}

// load reads the message and completes the envelope and the macros.
func (o *options) load(stdin io.Reader) error {
	in := stdin
	if o.path != "-" {
		f, err := os.Open(o.path) //nolint:gosec // the user chose the file
		if err != nil {
			return err
		}
		defer func() { _ = f.Close() }()
		in = f
	}
	text, err := o.flavor.ReadMessage(in)
	if err != nil {
		return err
	}
	o.message.Header, o.message.Body = text.Header, text.Body
	if o.message.Recipients == nil {
		o.message.Recipients = []mta.Recipient{{Addr: "<postmaster@localhost>"}}
	}
	o.setMacros()
	return nil
}

// maxEdits is how many bytes of modifications probe takes in addition to twice the size of
// the message's body.
const maxEdits = 8 << 20

func (o *options) config() mta.Config {
	offer := mta.PostfixOffer(uint32(o.version)) //nolint:gosec // at most 6, see check
	if o.flavor == mta.Sendmail && o.version == wire.MaxVersion {
		offer = mta.SendmailOffer()
	}
	return mta.Config{
		MaxEdits: maxEdits + 2*len(o.message.Body),
		Offer:    offer, Flavor: o.flavor, CommandTimeout: o.timeout, ContentTimeout: o.timeout, AnswerTimeout: o.timeout,
	}
}

// envelope splits a text into an address and its ESMTP arguments. It returns the
// address in angle brackets.
func envelope(s string) (addr string, args []string) {
	if fields := strings.Fields(s); len(fields) > 0 {
		addr, args = fields[0], fields[1:]
	}
	if !strings.HasPrefix(addr, "<") {
		addr = "<" + addr + ">"
	}
	return addr, args
}

func (o *options) setClient(s string) error {
	ip, err := netip.ParseAddr(s)
	if err != nil {
		return errors.New("want an IP address")
	}
	o.message.Client = mta.Client{Host: "[" + s + "]", Family: wire.FamilyInet, Addr: s, Port: 54321}
	if ip.Is6() {
		o.message.Client.Family = wire.FamilyInet6
	}
	return nil
}

func (o *options) setFlavor(s string) error {
	switch strings.ToLower(s) {
	case "postfix":
		o.flavor = mta.Postfix
	case "sendmail":
		o.flavor = mta.Sendmail
	default:
		return errors.New("want postfix or sendmail")
	}
	return nil
}
