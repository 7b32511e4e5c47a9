package message

import (
	"errors"
	"fmt"

	"github.com/sluicemail/sluice/framework/internal/ascii"
)

const nameAdvice = "write printable ASCII characters without space and colon"

// CheckFieldName returns an error if no header field can have the name, and a
// milter cannot send it. A name has 1 to [MaxFieldName] printable ASCII
// characters other than the space and the colon (RFC 5322 section 2.2). Use it at
// startup for names from a configuration, because with a wrong name every edit
// fails. The error quotes the name, and says what to write instead.
func CheckFieldName(name string) error {
	switch {
	case name == "":
		return errors.New("the field name is empty; " + nameAdvice)
	case len(name) > MaxFieldName:
		return fmt.Errorf("the field name %.20q… is longer than %d bytes; write a shorter one", name, MaxFieldName)
	case !ascii.ValidHeaderName(name):
		return fmt.Errorf("%.80q is not a valid field name; %s", name, nameAdvice)
	}
	return nil
}
