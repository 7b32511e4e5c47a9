package mta_test

import (
	"context"
	"fmt"
	"strings"

	"github.com/sluicemail/sluice/wire"
	"github.com/sluicemail/sluice/wire/mta"
)

// Read a message from its text and send it to a filter that adds a header
// field.
func ExampleConn_Send() {
	conn, stop := addingFilter() // or mta.Dial(ctx, "inet:9000@127.0.0.1", mta.Config{})
	defer stop()
	c := mta.NewConn(conn, mta.Config{})

	m, err := mta.ReadMessage(strings.NewReader("Subject: hello\n\nHow are you?\n"))
	if err != nil {
		fmt.Println(err)
		return
	}
	m.Sender.Addr = "<a@example.org>"
	m.Recipients = []mta.Recipient{{Addr: "<b@example.net>"}}

	out, err := c.Send(context.Background(), m)
	if err != nil {
		fmt.Println(err)
		return
	}
	for _, step := range out.Steps {
		fmt.Printf("%-12s %v\n", step.Stage, step.Response)
	}
	fmt.Printf("---\n%s", strings.ReplaceAll(string(out.Edited.Bytes()), "\r\n", "\n"))
	// Output:
	// Connect      not sent
	// Helo         not sent
	// Mail         not sent
	// Rcpt         not sent
	// Data         not sent
	// Header       no reply
	// EndOfHeaders not sent
	// Body         not sent
	// EndOfMessage SMFIR_ACCEPT
	// ---
	// Subject: hello
	// X-Seen: yes
	//
	// How are you?
}

// Send the stages one by one, with a custom offer.
func ExampleConn_Mail() {
	conn, stop := addingFilter()
	defer stop()
	ctx := context.Background()
	c := mta.NewConn(conn, mta.Config{Offer: mta.PostfixOffer(6)})
	if err := c.Negotiate(ctx); err != nil {
		fmt.Println(err)
		return
	}
	answer, _ := c.Negotiated()
	fmt.Println(answer.Actions)

	r, err := c.Mail(ctx, "<a@example.org>", "SIZE=1000")
	fmt.Println(r, err)
	r, mods, err := c.EndOfMessage(ctx, nil)
	fmt.Println(r, err)
	for _, m := range mods {
		fmt.Println(m)
	}
	// Output:
	// SMFIF_ADDHDRS
	// not sent <nil>
	// SMFIR_ACCEPT <nil>
	// SMFIR_ADDHEADER "X-Seen" "yes"
}

// On Postfix, deleting from the first to the last field hits the wrong field,
// because indexes shift.
func ExampleApply() {
	m, err := mta.ReadMessage(strings.NewReader("X: 1\nX: 2\nX: 3\n\n"))
	if err != nil {
		fmt.Println(err)
		return
	}
	mods := []wire.Reply{
		&wire.ChangeHeader{Index: 1, Name: "X"},
		&wire.ChangeHeader{Index: 2, Name: "X"},
	}
	for _, flavor := range []mta.Flavor{mta.Postfix, mta.Sendmail} {
		edited, err := mta.Apply(m, mods, flavor, 0)
		if err != nil {
			fmt.Println(err)
			return
		}
		fmt.Println(flavor, edited.Header)
	}
	// Output:
	// Postfix [{X  2}]
	// Sendmail [{X  3}]
}
