package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"syscall"
	"time"

	"github.com/emersion/go-smtp"
)

const (
	// maxMessage is the maximum size of a message in bytes. A message is
	// held in memory.
	maxMessage    = 32 << 20
	maxRecipients = 100
	// smtpTimeout is how long the server waits for a client (RFC 5321,
	// section 4.5.3.2).
	smtpTimeout = 5 * time.Minute
	// stopTimeout is how long the program waits at its end for sessions
	// whose connections are closed.
	stopTimeout = 5 * time.Second
)

// smtpd is the SMTP server of the playground.
type smtpd struct {
	server *smtp.Server
	ln     *listener
	ended  chan struct{} // closed when Serve has returned
}

// listenSMTP listens on the address. Its error names the flag -smtp if another
// program uses the address. All connections close when ctx ends.
func listenSMTP(ctx context.Context, address string) (*listener, error) {
	ln, err := net.Listen("tcp", address)
	if errors.Is(err, syscall.EADDRINUSE) {
		return nil, fmt.Errorf("address %s is in use: choose another with -smtp", address)
	}
	if err != nil {
		return nil, fmt.Errorf("serve SMTP: %w", err)
	}
	return &listener{Listener: ln, ctx: ctx}, nil
}

// startSMTP serves until the listener is closed. When serving ends, it calls
// fail with the reason.
func startSMTP(ln *listener, backend smtp.Backend, log *slog.Logger, fail context.CancelCauseFunc) *smtpd {
	srv := smtp.NewServer(backend)
	srv.Domain = hostname
	srv.MaxMessageBytes = maxMessage
	srv.MaxLineLength = maxMessage // as in Postfix, only the size of the message is limited; see maxCommand
	srv.MaxRecipients = maxRecipients
	srv.ReadTimeout, srv.WriteTimeout = smtpTimeout, smtpTimeout
	srv.EnableSMTPUTF8 = true
	srv.ErrorLog = slog.NewLogLogger(log.Handler(), slog.LevelDebug)
	d := &smtpd{server: srv, ln: ln, ended: make(chan struct{})}
	go func() {
		defer close(d.ended)
		fail(srv.Serve(ln))
	}()
	return d
}

// stop closes the listener and waits for the goroutines of all connections. The
// caller must first end the listener's context, which closes the connections.
// [smtp.Server.Close] alone does not wait for the goroutines, and
// [smtp.Server.Shutdown] alone waits until the last client has left.
func (d *smtpd) stop() error {
	_ = d.ln.Close()
	<-d.ended
	ctx, cancel := context.WithTimeout(context.Background(), stopTimeout)
	defer cancel()
	if err := d.server.Shutdown(ctx); !errors.Is(err, net.ErrClosed) {
		return err
	}
	return nil // the listener was closed above
}
