package peers

import (
	"fmt"
	"strings"
)

// table is a Markdown table. The first column is text and the others are
// numbers.
type table struct {
	b strings.Builder
}

func newTable(head ...string) *table {
	t := new(table)
	t.row(head...)
	t.row("---" + strings.Repeat(" | ---:", len(head)-1))
	return t
}

func (t *table) row(cells ...string) {
	t.b.WriteString("| " + strings.Join(cells, " | ") + " |\n")
}

// figure formats a number with two or three significant digits.
func figure(f float64) string {
	switch {
	case f >= 100:
		return fmt.Sprintf("%.0f", f)
	case f >= 10:
		return fmt.Sprintf("%.1f", f)
	}
	return fmt.Sprintf("%.2f", f)
}

// ratio formats the ratio of f to base, or returns "" if there is no base.
func ratio(f, base float64) string {
	if base == 0 {
		return ""
	}
	return fmt.Sprintf("%.2f", f/base)
}
