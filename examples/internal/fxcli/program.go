package fxcli

import (
	"errors"
	"flag"
	"io"
	"log/slog"

	"go.uber.org/fx"

	"github.com/sluicemail/sluice/examples/internal/behind"
	"github.com/sluicemail/sluice/examples/internal/cli"
	"github.com/sluicemail/sluice/framework"
)

// Program is an fx application as a command.
type Program struct {
	// Name is the command's name, as -help and -version show it.
	Name string
	// Arguments follow the name in the first line of -help.
	Arguments string
	// Summary describes what the program does.
	Summary string
	// Flags adds the program's own flags to the shared ones.
	Flags func(*flag.FlagSet)
	// Validate returns what is wrong with the values of the program's own
	// flags.
	Validate func(*Flags) error
	// Application returns the application. It is called once, with valid
	// flags.
	Application func(*Flags, *slog.Logger) (fx.Option, error)
	// FileListen returns the addresses in the configuration file, at which the
	// program listens if the command line has none. It is called after
	// Application. It may be nil.
	FileListen func() []Place
	// Check prints a summary of the configuration. If it is not nil, the
	// program has the flag -check, which calls it instead of serving. It is
	// called after the application was built without an error.
	Check func(stdout io.Writer, plan *framework.Plan) error
	// Against compares the checked configuration with that of a running
	// program, which is in the file old. It returns a [*RestartError] if the
	// running program could not reload the new one. If Against is not nil,
	// the program has the flag -against, which calls it after Check.
	Against func(old string) error
	// Replay returns the filters of the checked configuration for a replay of
	// recorded mail, as new ones. Offline, they must not look up names. If
	// Replay is not nil, the program has the flag -replay, which runs after
	// -check.
	Replay func(offline bool) (*Replayed, error)
	// Needs returns the parts of the configuration that need something of the
	// mail server, for the flag -behind. It is called after Check. It may be
	// nil.
	Needs func() ([]behind.Need, error)
}

// Run runs the program with the given arguments and returns the exit status,
// which may be milterfx.ExitCode. The program serves until the process receives
// SIGINT or SIGTERM. If there is an error, the status is [ExitRestart] for a
// [*RestartError] and its [cli.ExitStatus] for others, and the caller must print
// it.
func (p Program) Run(args []string, stdout, stderr io.Writer) (status int, err error) {
	status, err = p.run(args, stdout, stderr)
	if err != nil {
		return exitStatus(err), err
	}
	return status, nil
}

func (p Program) run(args []string, stdout, stderr io.Writer) (status int, err error) {
	var (
		flags  Flags
		checks checks
		replay replays
		plan   *framework.Plan
	)
	common, checking := p.flags(&flags), p.checkingFlags(&checks, &replay)
	checks.addFlag(&p, common)
	switch err := errors.Join(p.parse(&flags, args, common, checking), checks.validate(), replay.validate(&checks)); {
	case errors.Is(err, flag.ErrHelp) && checks.check:
		cli.PrintHelp(stdout, p.Name+" -check "+p.Arguments, checkSummary, checking)
		return cli.ExitOK, nil
	case errors.Is(err, flag.ErrHelp):
		cli.PrintHelp(stdout, p.Name+" "+p.Arguments, p.Summary, common)
		return cli.ExitOK, nil
	case err != nil:
		return cli.ExitUsage, cli.Usagef("%w", err)
	case flags.Version:
		return cli.ExitOK, cli.PrintVersion(stdout, p.Name)
	}
	options, err := p.Application(&flags, flags.Logger(stderr))
	if err != nil {
		return cli.ExitFailed, err
	}
	app, err := build(options, fx.Populate(&plan))
	switch {
	case err != nil:
		return cli.ExitFailed, err
	case flags.Explain != "" && !checks.check:
		return cli.ExitOK, cli.ExplainPlan(stdout, plan, flags.Explain)
	}
	if err := p.checkListen(&flags); err != nil {
		return cli.ExitFailed, err
	}
	switch {
	case checks.check && replay.Path != "":
		checked := checks.run(&p, stdout, plan)
		if checked != nil && !errors.As(checked, new(*RestartError)) {
			return cli.ExitFailed, checked
		}
		status, err := replay.run(&p, stdout, stderr)
		return status, errors.Join(checked, err)
	case checks.check:
		return cli.ExitOK, checks.run(&p, stdout, plan)
	default:
		return serve(app)
	}
}

// flags returns the flags that -help shows.
func (p Program) flags(shared *Flags) *flag.FlagSet {
	fs := cli.NewFlagSet(p.Name)
	shared.addFlags(fs)
	p.Flags(fs)
	return fs
}

// checkingFlags returns the flags that need -check. -check -help shows them and -help does not,
// so that each text fits on a screen.
func (p Program) checkingFlags(checks *checks, replay *replays) *flag.FlagSet {
	fs := cli.NewFlagSet(p.Name)
	checks.addFlags(&p, fs)
	replay.addFlags(&p, fs)
	return fs
}

// parse parses the flags of all sets, in any order.
func (p Program) parse(shared *Flags, args []string, sets ...*flag.FlagSet) error {
	fs := cli.NewFlagSet(p.Name)
	for _, set := range sets {
		set.VisitAll(func(f *flag.Flag) { fs.Var(f.Value, f.Name, f.Usage) })
	}
	if err := fs.Parse(args); err != nil {
		return err
	}
	if err := p.Validate(shared); err != nil {
		return err
	}
	return shared.validate(fs)
}
