package replaying

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/sluicemail/sluice/examples/internal/cli"
	"github.com/sluicemail/sluice/framework/inspect/record"
	"github.com/sluicemail/sluice/framework/miltertest/replay"
)

// Report replays the records at a path and prints what differs, message by message and summed.
// It returns the exit status: see [replay.Summary.Status].
func Report(ctx context.Context, w io.Writer, cfg replay.Config, path string, asJSON bool) (status int, err error) {
	var out writer = &text{w}
	if asJSON {
		out = &document{w: w}
	}
	summary, err := replay.Run(ctx, cfg, record.Open(path), out.message)
	if err == nil && summary.Records == 0 {
		err = fmt.Errorf("%s has no records, which are files whose names end in %s", path, record.Ext)
	}
	if err != nil && !errors.Is(err, errWriting) {
		return cli.ExitFailed, errors.Join(err, out.end(summary)) // what was replayed is valid
	}
	if err == nil {
		err = out.end(summary)
	}
	if err != nil {
		return cli.ExitFailed, err
	}
	return summary.Status(), nil
}

// writer prints a report.
type writer interface {
	message(r *replay.Result) error
	// end prints the summary. It prints nothing of one without records.
	end(s *replay.Summary) error
}

// errWriting marks the errors of the output.
var errWriting = errors.New("cannot write the report")

func failure(err error) error {
	if err == nil {
		return nil
	}
	return fmt.Errorf("%w: %w", errWriting, err)
}

// text prints for human readers.
type text struct{ w io.Writer }

func (t *text) message(r *replay.Result) error {
	_, err := io.WriteString(t.w, cli.Printable(r.Text()))
	return failure(err)
}

func (t *text) end(s *replay.Summary) error {
	if s == nil || s.Records == 0 {
		return nil
	}
	var b strings.Builder
	_ = s.WriteText(&b) // a strings.Builder does not fail
	_, err := io.WriteString(t.w, cli.Printable(b.String()))
	return failure(err)
}

// document prints one JSON document: an object with the messages that differ or could not be
// replayed, and the summary.
type document struct {
	w     io.Writer
	begun bool
}

func (d *document) message(r *replay.Result) error {
	if !r.Differs() && r.NotReplayable == "" {
		return nil
	}
	if err := d.next(); err != nil {
		return err
	}
	return failure(cli.WriteJSON(d.w, r, ""))
}

// next prints what is before a message.
func (d *document) next() error {
	before := ",\n"
	if !d.begun {
		before, d.begun = "{\"messages\": [\n", true
	}
	_, err := io.WriteString(d.w, before)
	return failure(err)
}

func (d *document) end(s *replay.Summary) error {
	if s == nil || s.Records == 0 {
		return nil
	}
	before := "],\n\"summary\":\n"
	if !d.begun {
		before = "{\"messages\": [],\n\"summary\":\n"
	}
	if _, err := io.WriteString(d.w, before); err != nil {
		return failure(err)
	}
	if err := cli.WriteJSON(d.w, s, ""); err != nil {
		return failure(err)
	}
	_, err := io.WriteString(d.w, "}\n")
	return failure(err)
}
