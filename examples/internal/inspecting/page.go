package inspecting

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"sync/atomic"
	"time"

	"github.com/sluicemail/sluice/framework"
	"github.com/sluicemail/sluice/framework/inspect"
)

// Page records mail and serves the page that shows it. A page whose settings are off records
// and serves nothing, and all its methods do nothing.
type Page struct {
	settings  Settings // with the token
	log       *slog.Logger
	inspector *inspect.Inspector                // nil if the page is off
	counts    atomic.Pointer[inspect.Inspector] // the inspector, for metrics, which may ask during the start
	server    *framework.Server
	listen    func(address string) (net.Listener, error)
	http      *http.Server
	conns     connections
	hangUp    context.CancelFunc // ends the requests that wait for news
	address   net.Addr
}

// New returns a page. It opens no socket and no folder: [Page.Start] does, so that a program
// can check its configuration beside one that runs. The error says which setting is wrong.
func New(s Settings, log *slog.Logger) (*Page, error) {
	p := &Page{settings: s, log: log, listen: framework.Listen}
	if !s.On() {
		return p, nil
	}
	if err := p.make(); err != nil {
		return nil, p.wrong(err)
	}
	return p, nil
}

// wrong returns an error with what it is about.
func (p *Page) wrong(err error) error {
	if p.settings.Place != "" {
		return fmt.Errorf("%s: inspect %s: %w", p.settings.Place, p.settings.Address, err)
	}
	return fmt.Errorf("inspect %s: %w", p.settings.Address, err)
}

// Check returns the error with which [Page.Start] certainly fails. It opens no socket and no
// folder. It is called instead of Start or before it.
func (p *Page) Check() error {
	if p.inspector == nil {
		return nil
	}
	address, err := listenForm(p.settings.Address)
	if err == nil {
		err = framework.CheckAddress(address)
	}
	if err := errors.Join(err, checkFolder(p.settings.Config.Folder)); err != nil {
		return p.wrong(err)
	}
	return nil
}

// checkFolder returns an error if a folder certainly cannot be made: something else is at its path,
// or at that of a folder above.
func checkFolder(path string) error {
	for at := path; at != ""; at = filepath.Dir(at) {
		info, err := os.Stat(at)
		switch {
		case err == nil && !info.IsDir():
			return fmt.Errorf("folder %s: %s is not a folder", path, at)
		case err == nil, at == filepath.Dir(at):
			return nil
		}
	}
	return nil
}

func (p *Page) make() (err error) {
	if err := p.settings.Validate(); err != nil {
		return err
	}
	cfg := &p.settings.Config
	cfg.Logger, cfg.Complete = p.log, !p.settings.Incomplete
	if p.settings.TokenFile != "" {
		if cfg.Token, err = readToken(p.settings.TokenFile); err != nil {
			return err
		}
	}
	if err := cfg.Check(); err != nil {
		return err
	}
	inMemory := *cfg
	inMemory.Folder, inMemory.FolderSize = "", 0
	if p.inspector, err = inspect.New(inMemory); err != nil {
		return err
	}
	p.counts.Store(p.inspector)
	var ctx context.Context
	ctx, p.hangUp = context.WithCancel(context.Background())
	p.http = newServer(ctx, p, p.log)
	p.http.ConnContext, p.http.ConnState = p.conns.enter, p.conns.changed
	return nil
}

// The limits of the HTTP server. A request that waits for news sets its own time to write.
const (
	maxHeaderBytes = 16 << 10
	headerTimeout  = 5 * time.Second
	readTimeout    = 10 * time.Second
	writeTimeout   = 30 * time.Second
	idleTimeout    = time.Minute
	// stopTimeout is how long requests may finish when the page stops.
	stopTimeout = 2 * time.Second
)

// newServer returns a server with timeouts that protect it from slow clients. The context is
// that of all requests.
func newServer(ctx context.Context, h http.Handler, log *slog.Logger) *http.Server {
	return &http.Server{
		Handler:           h,
		ReadHeaderTimeout: headerTimeout, ReadTimeout: readTimeout, WriteTimeout: writeTimeout, IdleTimeout: idleTimeout,
		MaxHeaderBytes: maxHeaderBytes,
		BaseContext:    func(net.Listener) context.Context { return ctx },
		ErrorLog:       slog.NewLogLogger(log.Handler(), slog.LevelDebug),
	}
}

// Recorder returns what the server's configuration needs: nil if the page is off, so that
// recording then costs nothing.
func (p *Page) Recorder() framework.Recorder {
	if p.inspector == nil {
		return nil
	}
	return p
}

// Stats returns the counters of what was recorded. It may be called at any time.
func (p *Page) Stats() (s inspect.Stats) {
	if in := p.counts.Load(); in != nil {
		s = in.Stats()
	}
	return s
}

// RecordLimits implements [framework.Recorder].
func (p *Page) RecordLimits() framework.RecordLimits { return p.inspector.RecordLimits() }

// Record implements [framework.Recorder].
func (p *Page) Record(rec *framework.Recording) { p.inspector.Record(rec) }

// ServeHTTP implements [http.Handler].
func (p *Page) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	defer p.conns.begin(r)()
	p.inspector.ServeHTTP(w, r)
}

// Watch makes the page show the plan, the limits and the figures of the server. It is called
// once, before the server serves.
func (p *Page) Watch(srv *framework.Server) {
	if p.server = srv; p.inspector != nil {
		p.inspector.Watch(srv)
	}
}

// ListenWith makes the page open its socket with a function that takes an address in the
// form of [framework.Listen], such as Listen of handover.Handover. It is called before
// [Page.Start].
func (p *Page) ListenWith(open func(address string) (net.Listener, error)) { p.listen = open }

// Start opens the folder and the socket, and serves the page until [Page.Stop] or
// [Page.Close]. The server serves after it only.
func (p *Page) Start() error {
	if p.inspector == nil {
		return nil
	}
	ln, err := p.open()
	if err == nil && p.settings.Config.Folder != "" {
		err = p.openFolder(ln)
	}
	if err != nil {
		return fmt.Errorf("inspect %s: %w", p.settings.Address, err)
	}
	p.address = ln.Addr()
	p.log.Info("serving inspector", "address", p.address.String())
	go func() {
		if err := p.http.Serve(ln); !errors.Is(err, http.ErrServerClosed) {
			p.log.Error("inspector's server failed", "error", err)
		}
	}()
	return nil
}

// openFolder replaces the inspector by one that writes to the folder.
func (p *Page) openFolder(ln net.Listener) error {
	inspector, err := inspect.New(p.settings.Config)
	if err != nil {
		return errors.Join(err, ln.Close())
	}
	_ = p.inspector.Close() // it has recorded nothing
	p.inspector = inspector
	if p.counts.Store(inspector); p.server != nil {
		inspector.Watch(p.server)
	}
	return nil
}

// open opens the socket. Only then is it known to what address a name or a socket of systemd
// belongs.
func (p *Page) open() (net.Listener, error) {
	address, err := listenForm(p.settings.Address)
	if err != nil {
		return nil, err
	}
	ln, err := p.listen(address)
	if err != nil {
		return nil, err
	}
	if tcp, ok := ln.Addr().(*net.TCPAddr); ok && !tcp.IP.IsLoopback() {
		if err := p.settings.guarded(); err != nil {
			return nil, errors.Join(err, ln.Close())
		}
	}
	return ln, nil
}

// URL returns the address to open in a browser, or unix:PATH, which no browser opens. It
// returns "" if the page is off or has not started.
func (p *Page) URL() string {
	switch a := p.address.(type) {
	case *net.TCPAddr:
		return "http://" + a.String() + "/"
	case *net.UnixAddr:
		return "unix:" + a.Name
	}
	return ""
}

// Close ends serving at once, for a process whose successor serves the page from now on.
// Recording goes on.
func (p *Page) Close() {
	if p.inspector != nil {
		p.hangUp()
		_ = p.http.Close()
	}
}

// Stop ends serving and then recording. It is called after the server has stopped, so that
// the page shows the last messages while the server drains, and all of them are in the
// folder. Requests may finish until the context ends, and for two seconds at most.
func (p *Page) Stop(ctx context.Context) error {
	if p.inspector == nil {
		return nil
	}
	ctx, cancel := context.WithTimeout(ctx, stopTimeout)
	defer cancel()
	p.hangUp()
	if p.http.Shutdown(ctx) != nil {
		_ = p.http.Close()
	}
	return p.inspector.Close()
}
