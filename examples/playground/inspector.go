package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"syscall"

	"github.com/sluicemail/sluice/examples/internal/inspecting"
	"github.com/sluicemail/sluice/framework"
	"github.com/sluicemail/sluice/framework/inspect"
	"github.com/sluicemail/sluice/framework/inspect/record"
)

// defaultPage is where the page is served, unless another playground is there already.
const defaultPage = "127.0.0.1:8025"

// page returns the page that shows all content of each message. It is on by default if the
// playground goes on serving for a reader: not with -once, and not with -json.
func (o *options) page(log *slog.Logger) (*inspecting.Page, error) {
	s := inspecting.Settings{Config: inspect.Config{Content: record.ContentAll}}
	if !o.once && !o.json {
		s.Address = defaultPage
	}
	s = o.inspect.Over(s)
	p, err := inspecting.New(s, log)
	if err != nil {
		return nil, err
	}
	if s.Address == defaultPage {
		p.ListenWith(listenNearby)
	}
	return p, nil
}

// listenNearby listens on an address, or on a port that the system chooses if the one of the
// address is taken.
func listenNearby(address string) (net.Listener, error) {
	ln, err := framework.Listen(address)
	if errors.Is(err, syscall.EADDRINUSE) {
		return framework.Listen("inet:0@127.0.0.1")
	}
	return ln, err
}

// startPage starts the page. The caller must call stop after the filter has stopped.
func (o *options) startPage(log *slog.Logger) (p *inspecting.Page, stop func() error, err error) {
	if p, err = o.page(log); err != nil {
		return nil, nil, fmt.Errorf("-%w", err)
	}
	stop = func() error { return p.Stop(context.Background()) }
	if err := p.Start(); err != nil {
		return nil, nil, errors.Join(fmt.Errorf("-%w", err), stop())
	}
	return p, stop, nil
}
