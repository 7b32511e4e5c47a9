package banner_test

import (
	"fmt"
	"io"
	"log"
	"strings"

	"github.com/sluicemail/sluice/framework/message/parts"
	"github.com/sluicemail/sluice/framework/message/parts/banner"
)

// A warning in both alternatives of a mail. The one for HTML is made of the text.
func ExampleBanner_Plan() {
	const body = "--b\r\n\r\nHello\r\n" +
		"--b\r\nContent-Type: text/html\r\n\r\n<html><body bgcolor=white>Hello</body></html>\r\n" +
		"--b--\r\n"
	b, err := banner.New(banner.Config{Text: "This mail comes from outside."})
	if err != nil {
		log.Fatal(err)
	}
	plan, err := b.Plan(banner.Message{
		Header: []parts.Field{
			{Name: "MIME-Version", Value: "1.0"},
			{Name: "Content-Type", Value: "multipart/alternative; boundary=b"},
		},
		Body: func() io.Reader { return strings.NewReader(body) },
	})
	if err != nil {
		log.Fatal(err)
	}
	changed, err := io.ReadAll(plan.Body())
	if err != nil {
		log.Fatal(err)
	}
	fmt.Print(strings.ReplaceAll(string(changed), "\r\n", "\n"))
	// Output:
	// --b
	//
	// This mail comes from outside.
	//
	// Hello
	// --b
	// Content-Type: text/html
	//
	// <html><body bgcolor=white>
	// <div>This mail comes from outside.</div>
	//  Hello</body></html>
	// --b--
}

// Settings that are not valid.
func ExampleNew() {
	_, err := banner.New(banner.Config{Text: "Hello", HTML: "<p>Hello <!-- a comment without end"})
	fmt.Println(err)
	// Output: banner: setting not valid: HTML ends in a tag, a comment or a raw text
}
