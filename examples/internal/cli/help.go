package cli

import (
	"flag"
	"fmt"
	"io"
	"slices"
	"strings"
)

// helpWidth is the maximum length of a line of -help, in columns. It is one
// less than the width of a terminal, because some terminals wrap a line that
// fills them.
const helpWidth = 79

// PrintHelp writes the text of -help: the usage line, a summary of what the
// program does, and its flags. call is the program's name followed by its
// arguments.
func PrintHelp(w io.Writer, call, summary string, fs *flag.FlagSet) {
	_, _ = fmt.Fprintf(w, "usage: %s\n\n%s\n\n", call, summary)
	PrintFlags(w, fs)
}

// PrintFlags writes the names and the usage of flags in two columns. It takes
// less room than [flag.FlagSet.PrintDefaults], which writes two lines for each
// flag, so that the help of a daemon fits on a screen.
func PrintFlags(w io.Writer, fs *flag.FlagSet) {
	var names, usages []string
	width := 0
	fs.VisitAll(func(f *flag.Flag) {
		value, usage := flag.UnquoteUsage(f)
		name := strings.TrimRight("  -"+f.Name+" "+value, " ")
		names, usages = append(names, name), append(usages, usage+defaultOf(f))
		width = max(width, len(name)+2)
	})
	for i, name := range names {
		for _, line := range wrap(usages[i], helpWidth-width) {
			_, _ = fmt.Fprintf(w, "%-*s%s\n", width, name, line)
			name = ""
		}
	}
}

// defaultOf returns the flag's default value in parentheses. It returns "" for a
// zero default, and if the flag's usage text already names the default.
func defaultOf(f *flag.Flag) string {
	if slices.Contains([]string{"", "0", "0s", "false"}, f.DefValue) || strings.Contains(f.Usage, "(default ") {
		return ""
	}
	return " (default " + f.DefValue + ")"
}

// wrap breaks a text into lines of at most the given number of columns.
func wrap(text string, columns int) []string {
	var lines []string
	for word := range strings.FieldsSeq(text) {
		if last := len(lines) - 1; last >= 0 && len(lines[last])+1+len(word) <= columns {
			lines[last] += " " + word
			continue
		}
		lines = append(lines, word)
	}
	return lines
}
