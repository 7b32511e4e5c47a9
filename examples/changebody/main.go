package main

import (
	"errors"
	"flag"
	"os"

	"github.com/sluicemail/sluice/examples/internal/cli"
	"github.com/sluicemail/sluice/framework"
)

func main() { cli.Main(Program()) }

// Program returns the command: its flags, and the filter that they describe.
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
			r.Mount(Filter{Body: body})
			return r, nil
		},
		Ready: src.given,
	}
}

// source is where the new body comes from. The flags are kept with whether they
// were given: an empty text is a text.
type source struct {
	text, file         string
	fromText, fromFile bool
}

func (src *source) flags(fs *flag.FlagSet) {
	fs.Func("text", "the new body is this `text`", func(v string) error {
		src.text, src.fromText = v, true
		return nil
	})
	fs.Func("file", "the new body is what `path` holds at the start", func(v string) error {
		src.file, src.fromFile = v, true
		return nil
	})
}

var errSource = errors.New("give either -text or -file")

// given says whether there is a new body, without which none is replaced.
func (src *source) given() error {
	if src.fromText == src.fromFile {
		return cli.Usagef("%w", errSource)
	}
	return nil
}

// body reads the new body and checks it, so that no message finds out. It is
// nil if none was given.
func (src *source) body() ([]byte, error) {
	switch {
	case src.fromText && src.fromFile:
		return nil, src.given()
	case src.fromText:
		body, err := Canonical([]byte(src.text))
		if err != nil {
			return nil, cli.Usagef("-text: %w", err)
		}
		return body, nil
	case !src.fromFile:
		return nil, nil
	}
	content, err := os.ReadFile(src.file)
	if err != nil {
		return nil, cli.Usagef("-file: %w", err)
	}
	body, err := Canonical(content)
	if err != nil {
		return nil, cli.Usagef("-file: %s: %w", src.file, err)
	}
	return body, nil
}
