package main

import (
	"context"
	"net"

	"github.com/sluicemail/sluice/framework"
)

// milter serves filters on a TCP socket of this host, as for a real mail server.
type milter struct {
	server *framework.Server
	// address is the address of the filters, as MTAs write it.
	address string
	ended   chan struct{} // closed when Serve has returned
}

// startMilter serves the router's filters on a port that the system chooses. It
// returns an error if the filters have mistakes. If serving ends, it calls fail
// with the reason.
func startMilter(r *framework.Router, cfg framework.Config, fail context.CancelCauseFunc) (*milter, error) {
	srv, err := framework.NewServer(r, cfg)
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

// stop ends serving. It waits for the sessions of the filter, which end at once
// if the SMTP server has ended its sessions.
func (m *milter) stop() error {
	ctx, cancel := context.WithTimeout(context.Background(), stopTimeout)
	defer cancel()
	err := m.server.Shutdown(ctx)
	<-m.ended
	return err
}
