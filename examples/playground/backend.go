package main

import (
	"context"
	"fmt"
	"log/slog"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/emersion/go-smtp"

	"github.com/sluicemail/sluice/framework"
)

// hostname is the host name of the mail server.
const hostname = "playground.example"

// backend acts as the mail server. It sends each message through the filter and
// stores the accepted ones.
type backend struct {
	// ctx ends all waits for the filter.
	ctx     context.Context
	milter  string
	plan    *framework.Plan
	maildir *maildir
	log     *slog.Logger
	// report is called for every message that has ended. Calls do not
	// overlap.
	report func(*Report)
	mu     sync.Mutex // held while report runs
	// messages counts the messages of this run.
	messages atomic.Int64
}

// NewSession implements [smtp.Backend]. The SMTP server calls it after HELO or
// EHLO. Each client gets its own connection to the filter, as in Postfix.
func (b *backend) NewSession(c *smtp.Conn) (smtp.Session, error) {
	s, err := newSession(b, c)
	if err != nil {
		m := newMessage(s, "", nil)
		m.takeSteps()
		m.finish(err)
		s.close()
		return nil, err
	}
	return s, nil
}

// publish reports a message.
func (b *backend) publish(r *Report) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.report(r)
}

// nextID returns a queue ID for a message. The filter receives it as the macro
// i.
func (b *backend) nextID() string {
	n := b.messages.Add(1)
	return strings.ToUpper(strconv.FormatInt(time.Now().Unix(), 36) + fmt.Sprintf("%04d", n))
}
