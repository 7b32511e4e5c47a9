package replaying

import (
	"context"
	"errors"
	"log/slog"
	"sync"

	"github.com/sluicemail/sluice/examples/internal/socketpair"
	"github.com/sluicemail/sluice/framework"
	"github.com/sluicemail/sluice/framework/inspect"
	"github.com/sluicemail/sluice/framework/inspect/record"
	"github.com/sluicemail/sluice/wire/mta"
)

// Record sends messages to filters in this process, each on a connection of its own, and writes
// their records into a folder. It is for tests of replays.
func Record(ctx context.Context, folder string, r *framework.Router, as mta.Config, msgs ...*mta.Message) (err error) {
	in, err := inspect.New(inspect.Config{Folder: folder, Content: record.ContentAll, Logger: slog.New(slog.DiscardHandler)})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, in.Close()) }()
	srv, err := framework.NewServer(r, framework.Config{Recorder: in, Logger: slog.New(slog.DiscardHandler)})
	if err != nil {
		return err
	}
	for _, m := range msgs {
		if err = send(ctx, srv, as, m); err != nil {
			break
		}
	}
	return errors.Join(err, srv.Close())
}

// send sends one message, and waits for the end of the session.
func send(ctx context.Context, srv *framework.Server, as mta.Config, m *mta.Message) error {
	near, far, err := socketpair.New()
	if err != nil {
		return err
	}
	var session sync.WaitGroup
	session.Go(func() { srv.ServeConn(far) })
	defer session.Wait()
	c := mta.NewConn(near, as)
	if _, err := c.Send(ctx, m); err != nil {
		return errors.Join(err, c.Close())
	}
	_ = c.Quit(ctx) // a filter that has refused the client may have closed the connection
	return nil
}
