package milterfx_test

import (
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"time"

	"go.uber.org/fx"

	"github.com/sluicemail/sluice/framework"
	"github.com/sluicemail/sluice/framework/inspect"
	"github.com/sluicemail/sluice/framework/milterfx"
)

// Page serves what an inspector has recorded.
type Page struct {
	inspector *inspect.Inspector
	http      *http.Server
	address   string
}

// NewPage returns a page that starts and stops with the application. The server's Config depends
// on the page, so fx starts the page before the server and stops it after the server.
func NewPage(lc fx.Lifecycle) (*Page, error) {
	inspector, err := inspect.New(inspect.Config{Complete: true})
	if err != nil {
		return nil, err
	}
	p := &Page{inspector: inspector, http: &http.Server{Handler: inspector, ReadHeaderTimeout: 5 * time.Second}}
	lc.Append(fx.StartStopHook(p.start, p.stop))
	return p, nil
}

func (p *Page) start() error {
	ln, err := net.Listen("tcp", "127.0.0.1:0") // a program has a port, such as 8025
	if err != nil {
		return err
	}
	p.address = ln.Addr().String()
	go func() { _ = p.http.Serve(ln) }()
	return nil
}

// stop ends the requests that follow the list, for which Shutdown would wait.
func (p *Page) stop(ctx context.Context) error {
	if err := p.inspector.Close(); err != nil {
		return err
	}
	return p.http.Shutdown(ctx)
}

// An inspector records the messages of the server, and serves a page that shows them.
func Example_inspect() {
	var (
		page   *Page
		status *milterfx.Status
	)
	app := fx.New(
		milterfx.Defaults(),
		milterfx.Module,
		fx.Provide(quiet, NewDenylist, NewPage, func(p *Page) milterfx.Config {
			return milterfx.Config{
				Listen: []string{"inet:0@127.0.0.1"},
				Server: framework.Config{Recorder: p.inspector},
			}
		}),
		milterfx.Filters(NewBouncer),
		fx.Invoke(func(p *Page, srv *framework.Server) { p.inspector.Watch(srv) }),
		fx.Populate(&page, &status),
	)
	if err := app.Start(context.Background()); err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(send(status, "<spam@example.org>"))
	fmt.Println(refusals(page.address))
	fmt.Println(app.Stop(context.Background()))
	// Output:
	// SMFIR_REJECT <nil>
	// true
	// <nil>
}

// refusals reports whether the page lists what the bouncer refused.
func refusals(address string) bool {
	for began := time.Now(); time.Since(began) < time.Minute; time.Sleep(time.Millisecond) {
		res, err := http.Get("http://" + address + "/api/messages?q=filter:bouncer")
		if err != nil {
			return false
		}
		text, _ := io.ReadAll(res.Body)
		_ = res.Body.Close()
		if strings.Contains(string(text), `"filter":"bouncer"`) { // a message is recorded when its answer is on the way
			http.DefaultClient.CloseIdleConnections()
			return true
		}
	}
	return false
}
