package message_test

import (
	"fmt"

	"github.com/sluicemail/sluice/framework/message"
)

// A Subject with a line that would end the header, as a hostile sender writes it.
func ExampleCleanHeaderValue() {
	fmt.Printf("%q\n", message.CleanHeaderValue("[list] hello\r\nBcc: eve@example.org\r\n\r\nbody"))
	// Output: "[list] hello\n Bcc: eve@example.org\n body"
}
