//go:build integration

package attack_test

import (
	"context"
	"fmt"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/sluicemail/sluice/wire"
	"github.com/sluicemail/sluice/wire/mta"
)

// bystander is a correct MTA. It has one connection for the whole time, and a
// second one for each message.
type bystander struct {
	address string
	conn    *mta.Conn
	want    string // the outcome before the attack

	stop     context.CancelFunc
	ended    sync.WaitGroup
	messages int
	slowest  time.Duration
	err      error
}

// newBystander connects and sends a message. Its outcome is that of each message.
func newBystander(t *testing.T, address string) *bystander {
	t.Helper()
	b := &bystander{address: address}
	var err error
	b.conn, err = b.dial(t.Context())
	require.NoError(t, err)
	b.want, err = deliver(t.Context(), b.conn)
	require.NoError(t, err)
	return b
}

func (b *bystander) dial(ctx context.Context) (*mta.Conn, error) {
	return mta.Dial(ctx, b.address, mta.Config{CommandTimeout: patience, ContentTimeout: patience})
}

// run sends messages until finish is called, or until one has another outcome.
func (b *bystander) run(t *testing.T) {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	b.stop = cancel
	b.ended.Go(func() {
		for ctx.Err() == nil && b.err == nil {
			b.err = b.round(t.Context())
			select {
			case <-ctx.Done():
			case <-time.After(10 * time.Millisecond):
			}
		}
	})
}

// round sends a message over the old connection and one over a new connection.
func (b *bystander) round(ctx context.Context) error {
	if err := b.send(ctx, b.conn); err != nil {
		return fmt.Errorf("the bystander's connection: %w", err)
	}
	conn, err := b.dial(ctx)
	if err != nil {
		return fmt.Errorf("a new connection of the bystander: %w", err)
	}
	defer func() { _ = conn.Close() }()
	if err := b.send(ctx, conn); err != nil {
		return fmt.Errorf("a new connection of the bystander: %w", err)
	}
	return conn.Quit(ctx)
}

func (b *bystander) send(ctx context.Context, conn *mta.Conn) error {
	start := time.Now()
	got, err := deliver(ctx, conn)
	b.slowest = max(b.slowest, time.Since(start))
	b.messages++
	if err == nil && got != b.want {
		err = fmt.Errorf("message %d: got %s\nwant %s", b.messages, got, b.want)
	}
	return err
}

// finish waits for the last message of run. It returns the error that ended run.
func (b *bystander) finish() error {
	b.stop()
	b.ended.Wait()
	return b.err
}

// changing matches the values in a DKIM signature that differ from message to
// message, its time and its end.
var changing = regexp.MustCompile(`(t|b)=[^;"]*`)

// deliver sends a message and returns its outcome in words.
func deliver(ctx context.Context, conn *mta.Conn) (string, error) {
	out, err := conn.Send(ctx, &mta.Message{
		Client: mta.Client{Host: "localhost", Family: wire.FamilyInet, Addr: "127.0.0.1", Port: 1234},
		Sender: mta.Address{Addr: "<ann@example.org>"}, Recipients: []mta.Recipient{{Addr: "<bob@example.net>"}},
		Header: []mta.Field{
			{Name: "From", Value: " ann@example.org"},
			{Name: "Date", Value: " Mon, 02 Nov 2026 10:00:00 +0000"},
			{Name: "Message-ID", Value: " <1@example.org>"},
			{Name: "Subject", Value: " hello"},
		},
		Body: []byte("How are you?\r\n"), QueueID: "4ABC",
	})
	if err != nil {
		return "", err
	}
	var b strings.Builder
	fmt.Fprintf(&b, "%v, %d recipients refused", out.Verdict, len(out.Refused))
	for _, m := range out.Modifications {
		fmt.Fprintf(&b, ", %s", m)
	}
	return changing.ReplaceAllString(b.String(), "$1="), nil
}
