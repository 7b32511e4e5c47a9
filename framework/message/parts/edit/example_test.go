package edit_test

import (
	"errors"
	"fmt"
	"io"
	"os"
	"strings"

	"github.com/sluicemail/sluice/framework/message/parts"
	"github.com/sluicemail/sluice/framework/message/parts/edit"
)

// A message whose attachment is replaced by a text. Every other byte stays.
func ExampleNewMessage() {
	message := strings.Join([]string{
		"Subject: hello", "MIME-Version: 1.0", "Content-Type: multipart/mixed; boundary=b", "",
		"--b", "content-type:TEXT/plain", "", "Look at this!",
		"--b", "Content-Type: application/x-msdownload; name=a.exe", "Content-Transfer-Encoding: base64", "", "TVo=",
		"--b--", "",
	}, "\n")
	e, err := edit.NewMessage(strings.NewReader(message), edit.Config{
		Decide: func(p *parts.Part) (edit.Change, error) {
			if p.Type == "application/x-msdownload" {
				return edit.Change{Replace: &edit.Part{Text: "The program " + p.Names[0] + " was removed."}}, nil
			}
			return edit.Change{}, nil
		},
	})
	if err != nil {
		fmt.Println(err)
		return
	}
	_, _ = io.Copy(os.Stdout, e)
	// Output:
	// Subject: hello
	// MIME-Version: 1.0
	// Content-Type: multipart/mixed; boundary=b
	//
	// --b
	// content-type:TEXT/plain
	//
	// Look at this!
	// --b
	// Content-Type: text/plain; charset=utf-8
	//
	// The program a.exe was removed.
	// --b--
}

// A body whose text is changed. What that needs of the message's header is known before the
// body is read.
func ExampleNew() {
	header := []parts.Field{{Name: "MIME-Version", Value: "1.0"}, {Name: "Content-Type", Value: "text/plain; charset=us-ascii"}}
	e, err := edit.New(strings.NewReader("Hello\r\n"), header, edit.Config{
		Decide: func(*parts.Part) (edit.Change, error) {
			return edit.Change{
				Fields: []parts.Field{
					{Name: "Content-Type", Value: "text/plain; charset=utf-8"},
					{Name: "Content-Transfer-Encoding", Value: "quoted-printable"},
				},
				Transform: func(old io.Reader) io.Reader {
					return edit.Encode("quoted-printable", io.MultiReader(old, strings.NewReader("Grüße\r\n")))
				},
			}, nil
		},
	})
	if err != nil {
		fmt.Println(err)
		return
	}
	for _, f := range e.Header() {
		fmt.Printf("%s: %s\n", f.Name, f.Value)
	}
	body, _ := io.ReadAll(e)
	fmt.Print(strings.ReplaceAll(string(body), "\r\n", "\n"))
	// Output:
	// Content-Type: text/plain; charset=utf-8
	// Content-Transfer-Encoding: quoted-printable
	// Hello
	// Gr=C3=BC=C3=9Fe
}

// A signed message is refused by default.
func ExampleAllow() {
	header := []parts.Field{{Name: "MIME-Version", Value: "1.0"}, {Name: "Content-Type", Value: "multipart/signed; boundary=b"}}
	config := edit.Config{Decide: func(p *parts.Part) (edit.Change, error) {
		if p.Parent != nil {
			return edit.Change{}, nil
		}
		return edit.Change{After: []*edit.Part{{Text: "A footer."}}}, nil
	}}
	_, err := edit.New(strings.NewReader("--b--\r\n"), header, config)
	fmt.Println(errors.Is(err, edit.ErrSigned))
	config.Allow = edit.BesideSigned
	_, err = edit.New(strings.NewReader("--b--\r\n"), header, config)
	fmt.Println(err)
	// Output:
	// true
	// <nil>
}

// Content is changed as it is decoded.
func ExampleDecode() {
	text := edit.Decode("base64", strings.NewReader("SGVsbG8K"))
	_, _ = io.Copy(os.Stdout, text)
	// Output: Hello
}

// Content is encoded in short lines, of which none is a delimiter.
func ExampleEncode() {
	text, _ := io.ReadAll(edit.Encode("quoted-printable", strings.NewReader("--\nGrüße")))
	fmt.Printf("%q", text)
	// Output: "=2D-\r\nGr=C3=BC=C3=9Fe"
}
