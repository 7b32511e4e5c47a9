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

// hostname is the mail server's name for itself.
const hostname = "playground.example"

// backend plays the mail server: it asks the filter about each message, and
// keeps what is accepted.
type backend struct {
	// ctx ends what waits for the filter.
	ctx     context.Context
	milter  string
	plan    *framework.Plan
	maildir *maildir
	log     *slog.Logger
	// report is told of every message that ended. It is called by one
	// goroutine at a time.
	report func(*Report)
	mu     sync.Mutex
	// messages counts the messages of this run.
	messages atomic.Int64
}

// NewSession implements [smtp.Backend]: a client has said EHLO. It gets a
// connection to the filter of its own, as Postfix does it.
func (b *backend) NewSession(c *smtp.Conn) (smtp.Session, error) {
	s, err := newSession(b, c)
	if err != nil {
		m := newMessage(s, "", nil)
		m.introduced()
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

// nextID returns a name for a message, which the filter sees as the macro i.
func (b *backend) nextID() string {
	n := b.messages.Add(1)
	return strings.ToUpper(strconv.FormatInt(time.Now().Unix(), 36) + fmt.Sprintf("%04d", n))
}
