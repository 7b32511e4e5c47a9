package walk

import (
	"regexp"
	"strings"
)

// command is one command of a console block, with the output that the page
// shows for it.
type command struct {
	line   string
	output string
}

// commands splits a console block into commands. A command is one line, and
// continues on the next line if it ends with a backslash.
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

// shows reports whether printed matches the output that the page shows.
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

// squeeze replaces every run of blanks with one space. It removes blanks at the
// ends of lines and empty lines at both ends of the text.
func squeeze(text string) string {
	lines := strings.Split(blanks.ReplaceAllString(text, " "), "\n")
	for i, line := range lines {
		lines[i] = strings.TrimRight(line, " \r")
	}
	return strings.Trim(strings.Join(lines, "\n"), "\n") + "\n"
}
