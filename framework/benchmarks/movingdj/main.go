package main

import (
	"context"
	"io"
	"log"
	"strings"

	"github.com/d--j/go-milter/mailfilter"
)

// decide marks mail and refuses mail from one sender.
func decide(_ context.Context, trx mailfilter.Trx) (mailfilter.Decision, error) {
	if trx.MailFrom().Addr == "spam@example.org" {
		return mailfilter.Reject, nil
	}
	subject, err := trx.Headers().Subject()
	if err != nil {
		return nil, err
	}
	if subject != "" {
		trx.Headers().SetSubject("[ext] " + strings.TrimSpace(subject))
	}
	trx.Headers().Add("X-Client", trx.Connect().Addr)
	if body := trx.Body(); body != nil { // nil for a message without a body
		trx.ReplaceBody(io.MultiReader(body, strings.NewReader("-- \r\nfrom outside\r\n")))
	}
	return mailfilter.Accept, nil
}

func main() {
	filter, err := mailfilter.New("tcp", "127.0.0.1:9000", decide,
		mailfilter.WithErrorHandling(mailfilter.TempFailWhenError))
	if err != nil {
		log.Fatal(err)
	}
	filter.Wait()
}
