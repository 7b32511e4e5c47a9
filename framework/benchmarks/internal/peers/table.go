package peers

import (
	"fmt"
	"strings"
)

// table is one in Markdown. The first column is text, the others are figures.
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

// figure writes a number with as many digits as mean something.
func figure(f float64) string {
	switch {
	case f >= 100:
		return fmt.Sprintf("%.0f", f)
	case f >= 10:
		return fmt.Sprintf("%.1f", f)
	}
	return fmt.Sprintf("%.2f", f)
}

// against writes a ratio, or nothing where there is none.
func against(f, base float64) string {
	if base == 0 {
		return ""
	}
	return fmt.Sprintf("%.2f", f/base)
}
