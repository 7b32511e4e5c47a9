package cli

import (
	"flag"
	"fmt"
	"io"
	"slices"
	"strings"
)

// screen is the width that help keeps to.
const screen = 80

// PrintFlags writes what the flags are for, in two columns, so that the help of
// a daemon fits a screen: [flag.FlagSet.PrintDefaults] takes two lines for each.
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
		for _, line := range wrap(usages[i], screen-width) {
			_, _ = fmt.Fprintf(w, "%-*s%s\n", width, name, line)
			name = ""
		}
	}
}

// defaultOf says what a flag is set to, unless that is nothing, or said already.
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
