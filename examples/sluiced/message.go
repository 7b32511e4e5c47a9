package main

import (
	"bytes"
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"log/slog"
	"net/netip"
	"os"

	"github.com/sluicemail/sluice/contrib/mailauth"
	"github.com/sluicemail/sluice/contrib/resolver"
	"github.com/sluicemail/sluice/examples/internal/cli"
	"github.com/sluicemail/sluice/examples/sluiced/internal/config"
	"github.com/sluicemail/sluice/examples/sluiced/internal/trial"
	"github.com/sluicemail/sluice/framework"
)

const checkMessageUsage = name + " " + checkMessage + " -config FILE -client IP -from FROM [flags] MESSAGE"

// trialFlags holds the values of the flags of check-message.
type trialFlags struct {
	config  string
	options config.Options
	host    string
	json    bool
	fromSet bool
	message trial.Message
	user    string
	debug   bool
}

func (f *trialFlags) add(fs *flag.FlagSet) {
	fs.StringVar(&f.config, "config", "", "the configuration `file`")
	fs.Func("client", "the `IP` address of the client that delivers the message", func(v string) (err error) {
		if f.message.Client, err = netip.ParseAddr(v); err != nil {
			return errors.New("want an IP address without a port and brackets, such as 192.0.2.1 or 2001:db8::1")
		}
		return nil
	})
	fs.StringVar(&f.message.ClientName, "client-name", "", "the client's `name` in the DNS (default unknown)")
	fs.StringVar(&f.message.Helo, "helo", "", "the client's `name` in HELO (default its name, or its address)")
	fs.Func("from", "the envelope `sender`; '' or <> is that of a bounce", func(v string) error {
		f.message.From, f.fromSet = v, true
		return nil
	})
	fs.Func("rcpt", "a `recipient`; may be repeated (default postmaster)", func(v string) error {
		f.message.Rcpts = append(f.message.Rcpts, v)
		return nil
	})
	fs.StringVar(&f.user, "user", "", "the `login` with which the client has authenticated")
	fs.StringVar(&f.host, "hostname", "", "the `name` of the mail server (default that of this host)")
	fs.StringVar(&f.options.DNS, "dns", "", "use the name server at `address`, such as 127.0.0.1:53")
	fs.BoolVar(&f.options.NoRemote, "no-remote", false, "leave out the milters that run elsewhere")
	fs.BoolVar(&f.json, "json", false, "print JSON")
	fs.BoolVar(&f.debug, "debug", false, "print the filters' log to standard error")
}

// parse parses the arguments. After -h it returns [flag.ErrHelp].
func (f *trialFlags) parse(args []string, stdout io.Writer) (path string, err error) {
	fs := cli.NewFlagSet(checkMessage)
	f.add(fs)
	if err := cli.ParseCommand(fs, checkMessageUsage, args, stdout, 1); err != nil {
		return "", err
	}
	if err := cli.Require(fs, "config"); err != nil {
		return "", err
	}
	switch {
	case !f.message.Client.IsValid():
		return "", cli.Usagef("-client is required")
	case !f.fromSet:
		return "", cli.Usagef("-from is required; -from '' is the sender of a bounce")
	}
	if f.options.DNS != "" {
		if err := resolver.CheckServer(f.options.DNS); err != nil {
			return "", cli.Usagef("-dns: %w", err)
		}
	}
	if len(f.message.Rcpts) == 0 {
		f.message.Rcpts = []string{"postmaster"}
	}
	if f.user != "" {
		f.message.Macros = map[string]string{"auth_authen": f.user}
	}
	return fs.Arg(0), nil
}

// runCheckMessage prints what the filters of a file would decide about a message, and why. It
// opens no socket but those to name servers and to other milters.
func runCheckMessage(ctx context.Context, args []string, stdin io.Reader, stdout, stderr io.Writer) error {
	var f trialFlags
	path, err := f.parse(args, stdout)
	if err != nil {
		return cli.WithoutHelp(err)
	}
	report, err := f.tryFile(ctx, path, stdin, f.log(stderr))
	if err != nil {
		return err
	}
	if f.json {
		return cli.WriteJSON(stdout, report, "  ")
	}
	var out bytes.Buffer
	report.explain(&out)
	_, err = io.WriteString(stdout, cli.Printable(out.String()))
	return err
}

// errInterrupted is the error after a signal.
var errInterrupted = errors.New("interrupted")

// tryFile runs a message through the filters, which is in a file or, if that is "-", in stdin. If
// the context ends, it does not wait for who writes the message.
func (f *trialFlags) tryFile(ctx context.Context, path string, stdin io.Reader, log *slog.Logger) (*report, error) {
	type result struct {
		report *report
		err    error
	}
	done := make(chan result, 1)
	go func() {
		text := io.NopCloser(stdin)
		if path != "-" {
			file, err := os.Open(path) //nolint:gosec // the user names it
			if err != nil {
				done <- result{nil, err}
				return
			}
			text = file
		}
		rep, err := f.try(ctx, text, log)
		_ = text.Close()
		done <- result{rep, err}
	}()
	select {
	case r := <-done:
		return r.report, r.err
	case <-ctx.Done():
		return nil, errInterrupted
	}
}

// log returns the logger of the filters.
func (f *trialFlags) log(stderr io.Writer) *slog.Logger {
	if !f.debug {
		return slog.New(slog.DiscardHandler)
	}
	return slog.New(slog.NewTextHandler(stderr, &slog.HandlerOptions{Level: slog.LevelDebug}))
}

// try runs the message through the filters.
func (f *trialFlags) try(ctx context.Context, text io.Reader, log *slog.Logger) (*report, error) {
	var (
		trace   resolver.Trace
		summary *mailauth.Summary
	)
	f.options.Lookups = trace.Add
	conf, err := config.Load(f.config, f.options)
	if err != nil {
		return nil, err
	}
	filters, err := conf.Build(config.Hooks{
		Log: log, OneMessage: true, Authenticated: func(s *mailauth.Summary) { summary = s },
	})
	if err != nil {
		return nil, err
	}
	defer func() { _ = filters.Close() }()
	r := framework.NewRouter()
	r.Mount(filters)
	server := conf.Server
	server.Logger = log
	f.message.Text = text
	result, err := trial.Run(ctx, r, trial.Config{Server: server, Hostname: f.host}, f.message)
	if err != nil {
		return nil, fmt.Errorf("checking the message: %w", err)
	}
	rep := newReport(result)
	rep.unseen = conf.Authenticates() && summary == nil
	if summary != nil {
		rep.addSummary(summary)
		rep.complete(ctx, conf.Resolver, summary)
	}
	rep.addLookups(trace.Lookups())
	return rep, nil
}
