package inspecting

import "flag"

// Flag holds the values of the flag -inspect. It checks each of them when the command line is
// parsed.
type Flag struct{ values []string }

// AddFlag adds the flag to a flag set.
func (f *Flag) AddFlag(fs *flag.FlagSet) { fs.Func("inspect", Usage, f.add) }

func (f *Flag) add(value string) error {
	f.values = append(f.values, value)
	return new(Settings).Set(value)
}

// Over returns settings, such as those of a file, with what the flag sets.
func (f *Flag) Over(s Settings) Settings {
	for _, value := range f.values {
		_ = s.Set(value) // which add has checked
	}
	return s
}
