package main

import (
	"context"
	"errors"
	"io"
	"strings"

	"github.com/sluicemail/sluice/examples/dkimd/internal/opendkim"
	"github.com/sluicemail/sluice/examples/internal/cli"
)

const importUsage = "import OPENDKIM.CONF"

// exitChanges is the exit status of import if a setting without a counterpart
// changes which mail is signed or refused.
const exitChanges = 3

// stdoutName stands for the path of the result in errors.
const stdoutName = "standard output"

// noted is the error of import with its notes about settings. It may be that
// all settings have a counterpart; then the status is [cli.ExitOK].
type noted struct {
	notes  []opendkim.Note
	status int
}

// Error implements error. It has a line for each note.
func (n *noted) Error() string {
	lines := make([]string, len(n.notes))
	for i := range n.notes {
		lines[i] = n.notes[i].String()
	}
	return strings.Join(lines, "\n")
}

// importConfig prints the configuration of dkimd that does what a configuration
// of OpenDKIM does.
func importConfig(_ context.Context, args []string, stdout io.Writer) error {
	fs := cli.NewFlagSet("import")
	if err := cli.ParseCommand(fs, "dkimd "+importUsage, args, stdout, 1); err != nil {
		return cli.WithoutHelp(err)
	}
	path := fs.Arg(0)
	settings, err := opendkim.Read(path)
	if err != nil {
		return err
	}
	result, err := opendkim.Convert(path, settings)
	if err != nil {
		return err
	}
	if _, err := io.WriteString(stdout, result.YAML); err != nil {
		return err
	}
	left := &noted{notes: result.Notes}
	if result.Changes() {
		left.status = exitChanges
	}
	if _, err = parseConfig(stdoutName, []byte(result.YAML)); err != nil {
		left.status = cli.ExitFailed
		err = errors.Join(errors.New("the configuration on standard output does not pass -check"), err)
	}
	if len(left.notes) == 0 {
		return err
	}
	return errors.Join(left, err)
}
