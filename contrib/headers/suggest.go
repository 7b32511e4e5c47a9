package headers

import (
	"fmt"

	"github.com/sluicemail/sluice/contrib/configfile"
)

// didYouMean returns a hint with the known name that is most like a wrong one, or "" if
// none is.
func didYouMean(wrong string, known []string) string {
	if name := configfile.Nearest(wrong, known); name != "" {
		return fmt.Sprintf(" (did you mean %s?)", name)
	}
	return ""
}
