package main

import (
	"context"
	"log/slog"
	"net"

	"github.com/sluicemail/sluice/framework"
)

// milter serves filters on a socket of this host, as they would be served to a
// mail server elsewhere.
type milter struct {
	server *framework.Server
	// address is where to reach it, as MTAs write it.
	address string
	ended   chan struct{}
}

// startMilter makes the router's plan, which finds mistakes in the filters, and
// serves on a port that the system chooses. Should serving end before stop,
// fail is told why.
func startMilter(r *framework.Router, log *slog.Logger, fail context.CancelCauseFunc) (*milter, error) {
	srv, err := framework.NewServer(r, framework.Config{Logger: log})
	if err != nil {
		return nil, err
	}
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	m := &milter{server: srv, address: "inet:" + ln.Addr().String(), ended: make(chan struct{})}
	go func() {
		defer close(m.ended)
		fail(srv.Serve(ln))
	}()
	return m, nil
}

// stop lets sessions end, which takes no time once the SMTP server has none.
func (m *milter) stop() error {
	ctx, cancel := context.WithTimeout(context.Background(), stopPatience)
	defer cancel()
	err := m.server.Shutdown(ctx)
	<-m.ended
	return err
}
