package peers

import (
	"fmt"
	"os"
	"strings"
)

// Section replaces the text of a section in a document. Two lines mark a
// section:
//
//	<!-- peers:NAME -->
//	<!-- /peers:NAME -->
func Section(path, name, text string) error {
	doc, err := os.ReadFile(path) //nolint:gosec // the document that the caller named
	if err != nil {
		return err
	}
	begin, end := "<!-- peers:"+name+" -->\n", "<!-- /peers:"+name+" -->\n"
	head, rest, found := strings.Cut(string(doc), begin)
	_, tail, closed := strings.Cut(rest, end)
	if !found || !closed {
		return fmt.Errorf("%s has no section %q", path, name)
	}
	return os.WriteFile(path, []byte(head+begin+text+"\n"+end+tail), 0o644) //nolint:gosec // a document is for all to read
}
