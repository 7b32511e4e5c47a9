package main

import (
	"errors"
	"flag"

	"github.com/sluicemail/sluice/contrib/configfile"
	"github.com/sluicemail/sluice/examples/changebody/filter"
	"github.com/sluicemail/sluice/examples/internal/cli"
	"github.com/sluicemail/sluice/framework"
)

func main() { cli.Main(Program()) }

// Program returns the command with its flags, from which it makes the filter.
func Program() cli.Program {
	var src source
	return cli.Program{
		Name:    "changebody",
		Summary: "Replaces the body of each message. The header stays as it is.",
		Flags:   src.flags,
		Router: func() (*framework.Router, error) {
			body, err := src.body()
			if err != nil {
				return nil, err
			}
			r := framework.NewRouter()
			r.Mount(filter.Filter{Body: body})
			return r, nil
		},
		Ready: src.check,
	}
}

// source holds the flags that give the new body. It records whether each flag
// was given, because an empty text is also a body.
type source struct {
	text, file         string
	fromText, fromFile bool
}

func (src *source) flags(fs *flag.FlagSet) {
	fs.Func("text", "the `text` of the new body", func(v string) error {
		src.text, src.fromText = v, true
		return nil
	})
	fs.Func("file", "read the new body from the file at `path` at the start", func(v string) error {
		src.file, src.fromFile = v, true
		return nil
	})
}

var errSource = errors.New("give either -text or -file")

// check returns an error unless exactly one of the flags was given.
func (src *source) check() error {
	if src.fromText == src.fromFile {
		return cli.Usagef("%w", errSource)
	}
	return nil
}

// maxFile limits the size of the file with the new body, in bytes.
const maxFile = 64 << 20

// body reads and checks the new body at the start, so that a mistake in it is
// found before any message arrives. It returns nil if no flag was given, which
// -explain allows.
func (src *source) body() ([]byte, error) {
	switch {
	case src.fromText && src.fromFile:
		return nil, src.check()
	case src.fromText:
		body, err := filter.Canonical([]byte(src.text))
		if err != nil {
			return nil, cli.Usagef("-text: %w", err)
		}
		return body, nil
	case !src.fromFile:
		return nil, nil
	}
	content, _, err := configfile.Read(src.file, maxFile)
	if err != nil {
		return nil, cli.Usagef("-file: %w", err)
	}
	body, err := filter.Canonical(content)
	if err != nil {
		return nil, cli.Usagef("-file: %s: %w", src.file, err)
	}
	return body, nil
}
