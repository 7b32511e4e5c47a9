package opendkim

import (
	"cmp"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/sluicemail/sluice/contrib/dkim/tables"
)

// Result is a configuration of dkimd.
type Result struct {
	// YAML is the text of the configuration.
	YAML string
	// Notes are about the settings without a counterpart, and about those
	// whose counterpart differs, in the order of the settings.
	Notes []Note
}

// Changes reports whether a setting without a counterpart changes which mail is
// signed or refused.
func (r *Result) Changes() bool {
	for _, n := range r.Notes {
		if n.Changes {
			return true
		}
	}
	return false
}

// String returns the place and the name of a setting.
func (s *Setting) String() string { return s.where() + " " + s.Option.Name }

func (s *Setting) where() string { return fmt.Sprintf("%s:%d", s.File, s.Line) }

// Convert returns the configuration of dkimd for settings that Read returned. It
// reads the tables that they name. The error joins [Error]s about values that
// OpenDKIM cannot have accepted.
func Convert(path string, settings []Setting) (*Result, error) {
	c := &conversion{path: path, set: make(map[string]*Setting)}
	for i := range settings {
		c.set[settings[i].Option.Name] = &settings[i] // the last counts
	}
	c.work()
	if err := errors.Join(c.errs...); err != nil {
		return nil, err
	}
	order := make(map[*Setting]int)
	for i := range settings {
		order[&settings[i]] = i
	}
	notes := append(c.notes, c.leftOut(settings)...)
	said := make(map[Note]bool) // On-Default stands for several events
	notes = slices.DeleteFunc(notes, func(n Note) bool {
		again := said[n]
		said[n] = true
		return again
	})
	slices.SortStableFunc(notes, func(a, b Note) int { return order[a.Setting] - order[b.Setting] })
	return &Result{YAML: c.out.String(), Notes: notes}, nil
}

// conversion is the state of Convert.
type conversion struct {
	writer
	path  string
	set   map[string]*Setting
	notes []Note
	errs  []error
}

func (c *conversion) work() {
	c.remark(0, "Written by dkimd import from "+c.path+".")
	c.socket()
	c.mode()
	c.authentication()
	if c.signs() {
		c.trust()
		c.domains()
		c.signing()
	}
	if c.verifies() {
		c.verifying()
	}
	c.dns()
}

// fail adds an error about a setting.
func (c *conversion) fail(s *Setting, format string, args ...any) {
	c.errs = append(c.errs, s.wrong(format, args...))
}

// yes reports whether an option of the type boolean is set to true.
func (c *conversion) yes(name string) bool { return c.set[name] != nil && c.set[name].yes() }

// value returns the value of an option, or "" if it is not set.
func (c *conversion) value(name string) string {
	if s := c.set[name]; s != nil {
		return s.Value
	}
	return ""
}

// file returns the full path of a file.
func (c *conversion) file(path string) string {
	if filepath.IsAbs(path) {
		return path
	}
	base := c.value("BaseDirectory")
	if base == "" {
		base, _ = os.Getwd() // without it, the path stays relative
	}
	return filepath.Join(base, path)
}

// isFile reports whether the name of a data set names a file.
func isFile(name string) bool {
	return slices.ContainsFunc([]string{"file:", "refile:", "/", "./", "../"}, func(start string) bool { return strings.HasPrefix(name, start) })
}

// table returns the name of a data set with the full path of its file.
func (c *conversion) table(name string) string {
	kind, path, _ := strings.Cut(name, ":")
	switch {
	case !isFile(name):
		return name
	case kind == "file" || kind == "refile":
		return kind + ":" + c.file(path)
	default:
		return c.file(name)
	}
}

// entries reads the data set that an option names. It returns none if the option
// is not set.
func (c *conversion) entries(name string) (entries []tables.Entry, wildcards bool) {
	s := c.set[name]
	if s == nil {
		return nil, false
	}
	entries, wildcards, err := tables.Read(c.table(s.Value))
	if err != nil {
		c.fail(s, "%w", err)
	}
	return entries, wildcards
}

// keys returns the keys of the entries of a data set.
func keys(entries []tables.Entry) []string {
	var found []string
	for i := range entries {
		found = append(found, entries[i].Key)
	}
	return found
}

// socket says where dkimd is to listen. It does not repeat the path of a socket:
// the directory belongs to OpenDKIM, and a mail server in a chroot may not reach
// it.
func (c *conversion) socket() {
	s := c.set["Socket"]
	switch {
	case s == nil:
	case strings.HasPrefix(s.Value, "inet"):
		c.remark(0, "Start dkimd with -listen "+s.Value, s)
	default:
		c.remark(0, "Start dkimd with docs/deploy/dkimd.socket, or with -listen inet:9000@127.0.0.1", s)
	}
}

// hasKeys reports whether the settings name keys to sign with.
func (c *conversion) hasKeys() bool { return c.set["KeyTable"] != nil || c.set["Domain"] != nil }

func (c *conversion) modes() string { return cmp.Or(strings.ToLower(c.value("Mode")), "sv") }

// signs reports whether dkimd is to sign: OpenDKIM without a key only verifies.
func (c *conversion) signs() bool { return strings.Contains(c.modes(), "s") && c.hasKeys() }

func (c *conversion) verifies() bool { return strings.Contains(c.modes(), "v") }

func (c *conversion) mode() {
	if s := c.set["Mode"]; s != nil && strings.Trim(c.modes(), "sv") != "" {
		c.fail(s, "want s, v or sv, not %q", s.Value)
	}
	mode := "both"
	switch {
	case !c.verifies():
		mode = "sign"
	case !c.signs():
		mode = "verify"
	}
	c.line(0, "mode: "+mode, c.set["Mode"])
	if s := c.set["Mode"]; s != nil && mode == "verify" && strings.Contains(c.modes(), "s") {
		c.note(s, Explained, "neither Domain nor KeyTable is set, so OpenDKIM signs nothing")
	}
}

// authentication writes the names of this host in Authentication-Results.
func (c *conversion) authentication() {
	if !c.verifies() {
		return
	}
	if s := c.set["AuthservID"]; s != nil {
		name := s.Value
		if name == "HOSTNAME" {
			name, _ = os.Hostname() // an empty name makes -check fail
			c.note(s, Explained, "HOSTNAME is written as the name of this host, %q", name)
		}
		c.line(0, "authserv_id: "+scalar(name), s)
	}
	s := c.set["RemoveARFrom"]
	entries, _ := c.entries("RemoveARFrom")
	var names []string
	for i := range entries {
		if e := &entries[i]; strings.HasPrefix(e.Key, ".") || strings.Contains(e.Key, "*") {
			c.noteEntry(s, e, Differs, "also_remove has whole names; %q is left out", e.Key)
			continue
		}
		names = append(names, entries[i].Key)
	}
	if names != nil {
		c.line(0, "also_remove: "+list(names), s)
	}
}
