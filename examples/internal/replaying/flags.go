package replaying

import (
	"errors"
	"flag"
	"slices"
	"strings"

	"github.com/sluicemail/sluice/framework/miltertest/replay"
	"github.com/sluicemail/sluice/wire/mta"
)

// Flags holds the values of the flags that say what is compared.
type Flags struct {
	// Path is the file or folder with the records, or "".
	Path string
	// Assume is replay.Config.Assume.
	Assume bool
	// Codes leaves out the texts of replies.
	Codes bool
	// Ignored are the fields that are left out, as their arguments were written.
	Ignored []string

	fields []func(mta.Field) (mta.Field, bool)
}

// AddFlags adds the flags to a flag set. None of them is set without -replay: see Validate.
func (f *Flags) AddFlags(fs *flag.FlagSet) {
	fs.Func("replay", "replay the mail at `path`, a file or a folder of records", f.setPath)
	fs.BoolVar(&f.Assume, "assume", false, "with -replay, what is not recorded was not there")
	fs.BoolVar(&f.Codes, "codes", false, "with -replay, compare codes of replies, not texts")
	fs.Func("ignore", "with -replay, leave out a `field`, or tags: NAME:t,b", f.ignore)
}

// Validate returns what is wrong with the values.
func (f *Flags) Validate() error {
	if f.Path == "" && (f.Assume || f.Codes || f.Ignored != nil) {
		return errors.New("-assume, -codes and -ignore need -replay")
	}
	return nil
}

// setPath refuses the empty path of a variable that a script has not set: without -replay, the
// program would check less than it was asked to.
func (f *Flags) setPath(value string) error {
	if value == "" {
		return errors.New("want a file or a folder of records")
	}
	f.Path = value
	return nil
}

func (f *Flags) ignore(value string) error {
	name, tags, found := strings.Cut(value, ":")
	list := strings.FieldsFunc(tags, func(r rune) bool { return r == ',' || r == ' ' })
	if name = strings.TrimSpace(name); name == "" || found && len(list) == 0 {
		return errors.New("want the name of a field, or a name and tags, such as DKIM-Signature:t,b")
	}
	f.Ignored = append(f.Ignored, value)
	if found {
		f.fields = append(f.fields, replay.IgnoreTags(name, list...))
	} else {
		f.fields = append(f.fields, replay.IgnoreFields(name))
	}
	return nil
}

// Apply sets what the flags say, in addition to the fields that the configuration leaves out
// already.
func (f *Flags) Apply(cfg *replay.Config) {
	cfg.Assume = f.Assume
	if f.Codes {
		cfg.Replies = replay.IgnoreText
	}
	fields := slices.Clone(f.fields)
	if cfg.Fields != nil {
		fields = append(fields, cfg.Fields)
	}
	if len(fields) > 0 {
		cfg.Fields = replay.All(fields...)
	}
}
