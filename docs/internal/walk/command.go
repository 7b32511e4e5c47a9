package walk

import (
	"regexp"
	"strings"
)

// command is a command of a console block, and what the page shows that it
// prints.
type command struct {
	line   string
	output string
}

// commands takes a console block apart. A command ends with its line, unless
// that ends in a backslash.
func commands(text string) []command {
	var all []command
	var more bool
	for line := range strings.Lines(text) {
		typed, isCommand := strings.CutPrefix(line, "$ ")
		switch {
		case more:
			all[len(all)-1].line += line
		case isCommand:
			all = append(all, command{line: typed})
		case len(all) > 0:
			all[len(all)-1].output += line
		}
		more = (more || isCommand) && strings.HasSuffix(line, "\\\n")
	}
	return all
}

// shows reports whether a command that printed this did what the page shows.
func (c command) shows(printed string) bool {
	if c.output == "" {
		return true
	}
	var pattern strings.Builder
	for line := range strings.Lines(squeeze(c.output)) {
		if line == "…\n" {
			pattern.WriteString(`(?:.*\n)*?`)
			continue
		}
		pattern.WriteString(strings.ReplaceAll(regexp.QuoteMeta(line), "…", ".*"))
	}
	return regexp.MustCompile(`\A` + pattern.String() + `\z`).MatchString(squeeze(printed))
}

var blanks = regexp.MustCompile(`[ \t]+`)

// squeeze makes every run of blanks one space, and leaves out those at the end
// of a line and the empty lines at both ends.
func squeeze(text string) string {
	lines := strings.Split(blanks.ReplaceAllString(text, " "), "\n")
	for i, line := range lines {
		lines[i] = strings.TrimRight(line, " \r")
	}
	return strings.Trim(strings.Join(lines, "\n"), "\n") + "\n"
}
