package parts_test

import (
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/sluicemail/sluice/framework/message/parts"
)

const exampleBody = "--b\r\n" +
	"Content-Type: text/plain; charset=utf-8\r\n\r\nhello\r\n" +
	"--b\r\n" +
	"Content-Type: application/zip; name=\"=?utf-8?q?Fotos=2Ezip?=\"\r\n" +
	"Content-Disposition: attachment; filename*=utf-8''f%C3%BCr%20dich.exe\r\n\r\n" +
	"TVo=\r\n" +
	"--b--\r\n"

// A mail whose attachment has two names; a reader that decodes no encoded words shows a
// third. The body arrives in two pieces.
func ExampleWalker() {
	w := parts.NewWalker(parts.Limits{}, parts.Handler{
		End: func(p *parts.Part) error {
			fmt.Printf("%q %s %q, %d bytes\n", p.Path(), p.Type, p.Names, p.Size())
			return nil
		},
	})
	w.Start()
	w.AddField("MIME-Version", "1.0")
	w.AddField("Content-Type", "multipart/mixed; boundary=b")
	_, _ = io.WriteString(w, exampleBody[:100])
	_, _ = io.WriteString(w, exampleBody[100:])
	if err := w.Close(); err != nil {
		fmt.Println(err)
	}
	fmt.Println("unreadable:", w.Flaws().Unreadable())
	// Output:
	// "1" text/plain [], 5 bytes
	// "2" application/zip ["für dich.exe" "Fotos.zip" "=?utf-8?q?Fotos=2Ezip?="], 4 bytes
	// "" multipart/mixed [], 209 bytes
	// unreadable: false
}

// The same body, read.
func ExampleReader() {
	r := parts.NewReader(strings.NewReader(exampleBody), []parts.Field{
		{Name: "MIME-Version", Value: "1.0"},
		{Name: "Content-Type", Value: "multipart/mixed; boundary=b"},
	}, parts.Limits{})
	for {
		p, err := r.Next()
		if errors.Is(err, io.EOF) {
			break
		}
		content, _ := io.ReadAll(r)
		fmt.Printf("%q %s %q\n", p.Path(), p.Type, content)
	}
	// Output:
	// "" multipart/mixed ""
	// "1" text/plain "hello"
	// "2" application/zip "TVo="
}
