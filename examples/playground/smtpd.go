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
	// maxMessage bounds a message, which is held in memory.
	maxMessage    = 32 << 20
	maxRecipients = 100
	// smtpPatience is how long a client may be silent (RFC 5321, section
	// 4.5.3.2).
	smtpPatience = 5 * time.Minute
	// stopPatience is how long clients that have lost their connection may
	// keep the program from ending.
	stopPatience = 5 * time.Second
)

// smtpd is the SMTP server, the front of the mail server that the playground
// plays.
type smtpd struct {
	server *smtp.Server
	ln     *listener
	ended  chan struct{}
}

// listenSMTP binds the address, and says plainly that another program has it.
// Connections end with ctx.
func listenSMTP(ctx context.Context, address string) (*listener, error) {
	ln, err := net.Listen("tcp", address)
	if errors.Is(err, syscall.EADDRINUSE) {
		return nil, fmt.Errorf("%s is taken by another program: choose another address with -smtp", address)
	}
	if err != nil {
		return nil, fmt.Errorf("cannot serve SMTP: %w", err)
	}
	return &listener{Listener: ln, ctx: ctx}, nil
}

// startSMTP serves until the listener is closed. Should serving end otherwise,
// fail is told why.
func startSMTP(ln *listener, backend smtp.Backend, log *slog.Logger, fail context.CancelCauseFunc) *smtpd {
	srv := smtp.NewServer(backend)
	srv.Domain = hostname
	srv.MaxMessageBytes = maxMessage
	srv.MaxRecipients = maxRecipients
	srv.ReadTimeout, srv.WriteTimeout = smtpPatience, smtpPatience
	srv.EnableSMTPUTF8 = true
	srv.ErrorLog = slog.NewLogLogger(log.Handler(), slog.LevelDebug)
	d := &smtpd{server: srv, ln: ln, ended: make(chan struct{})}
	go func() {
		defer close(d.ended)
		fail(srv.Serve(ln))
	}()
	return d
}

// stop waits for the connections' goroutines, after the listener's context has
// ended. The server's own Close would wait for none of them, and its Shutdown
// for the last client to leave.
func (d *smtpd) stop() error {
	_ = d.ln.Close()
	<-d.ended
	ctx, cancel := context.WithTimeout(context.Background(), stopPatience)
	defer cancel()
	if err := d.server.Shutdown(ctx); !errors.Is(err, net.ErrClosed) {
		return err
	}
	return nil // the listener was closed above
}
