package trial_test

import (
	"context"
	"fmt"
	"log/slog"
	"net/netip"
	"strings"

	"github.com/sluicemail/sluice/examples/sluiced/internal/trial"
	"github.com/sluicemail/sluice/framework"
)

func ExampleRun() {
	r := framework.NewRouter()
	headers := r.GrantChangeHeader()
	r.OnRcpt(func(_ *framework.Session, e *framework.Rcpt) (framework.Verdict, error) {
		if e.Recipient() == "cy@example.net" {
			return framework.Reply(550, "5.1.1", "no such user")
		}
		return framework.Continue, nil
	})
	r.OnEndOfMessage(func(s *framework.Session, _ *framework.EndOfMessage) (framework.Verdict, error) {
		return framework.Accept, headers.Change(s, framework.NthHeader("Subject", 1), "[ext] hello")
	})

	cfg := trial.Config{Server: framework.Config{Logger: slog.New(slog.DiscardHandler)}}
	result, err := trial.Run(context.Background(), r, cfg, trial.Message{
		Client: netip.MustParseAddr("192.0.2.1"), ClientName: "mail.example.org",
		From: "ann@example.org", Rcpts: []string{"bob@example.net", "cy@example.net"},
		Text: strings.NewReader("Subject: hello\n\nHow are you?\n"),
	})
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(result.Action, "at", result.Stage)
	for _, refused := range result.Refused {
		fmt.Println("refused:", refused.Recipient, refused.Reply)
	}
	for _, change := range result.Edits.Changed {
		fmt.Printf("changed: %s:%s becomes%s\n", change.Before.Name, change.Before.Value, change.After.Value)
	}
	fmt.Println("delivered to:", result.Recipients)
	// Output:
	// accept at EndOfMessage
	// refused: cy@example.net 550 5.1.1 no such user
	// changed: Subject: hello becomes [ext] hello
	// delivered to: [bob@example.net]
}
