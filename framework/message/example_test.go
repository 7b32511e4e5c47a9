package message_test

import (
	"fmt"
	"strings"

	"github.com/sluicemail/sluice/framework/message"
)

// A Subject with a line that would end the header, as a hostile sender writes it.
func ExampleCleanFieldValue() {
	fmt.Printf("%q\n", message.CleanFieldValue("[list] hello\r\nBcc: eve@example.org\r\n\r\nbody"))
	// Output: "[list] hello\n Bcc: eve@example.org\n body"
}

// A scanner's report, which has two lines and a percent sign, becomes the text of a
// refusal.
func ExampleCleanReply() {
	code, status, lines := message.CleanReply(550, "5.7.1", "spam, 98% sure\r\nsee https://scan.example/1")
	fmt.Printf("%d %s %q\n", code, status, lines)
	// Output: 550 5.7.1 ["spam, 98% sure" "see https://scan.example/1"]
}

// A Subject as mail has it, in two lines and with encoded words.
func ExampleDecode() {
	text, err := message.Decode("=?utf-8?q?Gr=C3=BC=C3=9Fe?=\n =?iso-8859-1?b?IGF1cw==?= Bonn")
	fmt.Printf("%q %v\n", text, err)
	// Output: "Grüße aus Bonn" <nil>
}

func ExampleFold() {
	fmt.Println("X-Reason: " + message.Fold("X-Reason", strings.Repeat("several words ", 8)))
	// Output:
	// X-Reason: several words several words several words several words several
	//  words several words several words several words
}

func ExampleCheckFieldName() {
	fmt.Println(message.CheckFieldName("X-Seen"))
	fmt.Println(message.CheckFieldName("X-Seen:"))
	// Output:
	// <nil>
	// "X-Seen:" is not a valid field name; write printable ASCII characters without space and colon
}

// Only the words that need it are encoded.
func ExampleEncodeText() {
	text, err := message.EncodeText("=?utf-8?q?Gr=C3=BC=C3=9Fe?= aus Köln")
	fmt.Println(text, err)
	text, err = message.EncodeText("Gr\xfc\xdfe") // which charset is this?
	fmt.Printf("%q %v\n", text, err)
	// Output:
	// =?utf-8?q?Gr=C3=BC=C3=9Fe?= aus =?utf-8?q?K=C3=B6ln?= <nil>
	// "Gr\xfc\xdfe" message: invalid bytes in the value of a field
}

// The form of the field decides where its value has encoded words.
func ExampleEncodeField() {
	for _, name := range []string{"Subject", "From"} {
		value, err := message.EncodeField(name, "Jörg <jörg@example.org>")
		fmt.Println(value, err)
	}
	// Output:
	// =?utf-8?q?J=C3=B6rg_<j=C3=B6rg@example.org>?= <nil>
	// =?utf-8?q?J=C3=B6rg?= <jörg@example.org> <nil>
}

// The name of a list member becomes the name of the list's own address.
func ExampleAddress_String() {
	for _, name := range []string{"Ann Clark", "Clark, Ann", "Müller, Jörg"} {
		from := message.Address{Name: name + " via list", Local: "list", Domain: "example.org"}
		value, _ := message.EncodeField("From", from.String())
		fmt.Println("From: " + value)
	}
	// Output:
	// From: Ann Clark via list <list@example.org>
	// From: "Clark, Ann via list" <list@example.org>
	// From: =?utf-8?q?M=C3=BCller=2C_J=C3=B6rg_via_list?= <list@example.org>
}

func ExampleEncodeAddresses() {
	value, _ := message.EncodeAddresses(`"Müller, Jörg" <jm@example.org>, Gäste: ann@example.org;`)
	fmt.Println(value)
	// Output: =?utf-8?q?M=C3=BCller=2C_J=C3=B6rg?= <jm@example.org>, =?utf-8?q?G=C3=A4ste?= : ann@example.org;
}

func ExampleFormOf() {
	for _, name := range []string{"Subject", "Resent-From", "Message-ID"} {
		switch message.FormOf(name) {
		case message.FormText:
			fmt.Println(name, "takes encoded words anywhere")
		case message.FormPhrases:
			fmt.Println(name, "takes encoded words in phrases")
		case message.FormStructured:
			fmt.Println(name, "takes no encoded words")
		}
	}
	// Output:
	// Subject takes encoded words anywhere
	// Resent-From takes encoded words in phrases
	// Message-ID takes no encoded words
}

// Encoded words need white space around them, and readers hide it between two.
func ExamplePrefix() {
	fmt.Println(message.Prefix("hello", "[größe] "))
	fmt.Println(message.Prefix("=?utf-8?q?gr=C3=BC=C3=9Fe?=", "[größe] "))
	fmt.Println(message.Prefix("=?utf-8?q?gr=C3=BC=C3=9Fe?=", "[spam]"))
	// Output:
	// =?utf-8?q?[gr=C3=B6=C3=9Fe]?= hello
	// =?utf-8?q?[gr=C3=B6=C3=9Fe]_?= =?utf-8?q?gr=C3=BC=C3=9Fe?=
	// [spam] =?utf-8?q?gr=C3=BC=C3=9Fe?=
}

// Two addresses of a To field. The domain of the second has two forms.
func ExampleParseAddressList() {
	list, err := message.ParseAddressList(`"Smith, Ann" <ann@example.org>, Bob (at home) <bob@Bücher.example>`, message.Strict)
	if err != nil {
		fmt.Println(err)
		return
	}
	for _, a := range list {
		fmt.Println(a.Name, "|", a.Local, "|", a.Domain.ASCII(), "|", a)
	}
	// Output:
	// Smith, Ann | ann | example.org | "Smith, Ann" <ann@example.org>
	// Bob | bob | xn--bcher-kva.example | Bob <bob@Bücher.example>
}

// A From field that the standard forbids, but that mail readers show.
func ExampleParseAddress() {
	const from = "ann@example.org <ann@example.org>"
	_, err := message.ParseAddress(from, message.Strict)
	fmt.Println(err)
	a, err := message.ParseAddress(from, message.Tolerant)
	fmt.Println(a, err)
	// Output:
	// byte 16: expected the end of the address
	// "ann@example.org" <ann@example.org> <nil>
}

// The sender of a message, as the MTA has it.
func ExampleParsePath() {
	a, err := message.ParsePath(`<@relay.example:"ann smith"@example.org>`, message.Tolerant)
	fmt.Println(a.Local, a.Domain, a.Path(), err)
	// Output: ann smith example.org <"ann smith"@example.org> <nil>
}

// A date of the last century is obsolete, and conforms. A group in From does not.
func ExampleCheckField() {
	fmt.Println(message.CheckField("Date", "Thu,29 Apr 99 10:00:00 Z (noon)"))
	fmt.Println(message.CheckField("From", "Group: a@b.example;"))
	// Output:
	// <nil>
	// byte 5: expected an address (a group is not allowed here)
}

func ExampleSuffix() {
	fmt.Println(message.Suffix("=?utf-8?q?gr=C3=BC=C3=9Fe?=", " (größe)"))
	// Output: =?utf-8?q?gr=C3=BC=C3=9Fe?= =?utf-8?q?_(gr=C3=B6=C3=9Fe)?=
}
