package inspect_test

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"

	"github.com/sluicemail/sluice/framework"
	"github.com/sluicemail/sluice/framework/inspect"
	"github.com/sluicemail/sluice/framework/inspect/record"
	"github.com/sluicemail/sluice/wire/mta"
)

// The Inspector is the server's Recorder, and the handler of an HTTP server.
func ExampleNew() {
	r := framework.NewRouter()
	r.OnMail(func(_ *framework.Session, m *framework.Mail) (framework.Verdict, error) {
		if m.Sender() == "spammer@example.com" {
			return framework.Reply(550, "5.7.1", "not you again")
		}
		return framework.Continue, nil
	})

	inspector, err := inspect.New(inspect.Config{Content: record.ContentHeader})
	if err != nil {
		fmt.Println(err)
		return
	}
	srv, err := framework.NewServer(r, framework.Config{Recorder: inspector})
	if err != nil {
		fmt.Println(err)
		return
	}
	inspector.Watch(srv)
	page := httptest.NewServer(inspector) // at an address of 127.0.0.1

	sendFrom(srv, "<spammer@example.com>")
	_ = srv.Shutdown(context.Background()) // so that the message is recorded, not only answered

	res, err := http.Get(page.URL + "/api/messages")
	if err != nil {
		fmt.Println(err)
		return
	}
	var list struct{ Messages []record.Summary }
	err = json.NewDecoder(res.Body).Decode(&list)
	_ = res.Body.Close()
	for _, m := range list.Messages {
		fmt.Println(m.Sender, m.Outcome.State, m.Outcome.Verdict.Code, m.Outcome.Verdict.Text)
	}

	_ = inspector.Close()
	page.Close()
	fmt.Println(err)
	// Output:
	// <spammer@example.com> rejected 550 5.7.1 not you again
	// <nil>
}

// sendFrom plays a mail server with a message from a sender.
func sendFrom(srv *framework.Server, sender string) {
	ln, err := framework.Listen("inet:127.0.0.1:0")
	if err != nil {
		fmt.Println(err)
		return
	}
	go func() { _ = srv.Serve(ln) }()
	ctx := context.Background()
	conn, err := mta.Dial(ctx, "inet:"+ln.Addr().String(), mta.Config{})
	if err != nil {
		fmt.Println(err)
		return
	}
	if _, err := conn.Mail(ctx, sender); err != nil {
		fmt.Println(err)
	}
	if err := conn.Quit(ctx); err != nil {
		fmt.Println(err)
	}
}
