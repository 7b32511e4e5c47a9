package remote_test

import (
	"context"
	"fmt"
	"log/slog"
	"net"
	"regexp"
	"strings"

	"github.com/sluicemail/sluice/contrib/remote"
	"github.com/sluicemail/sluice/framework"
	"github.com/sluicemail/sluice/wire/mta"
)

// stamper is a filter that adds a field.
type stamper struct{ name, value string }

func (f stamper) Name() string { return f.name }

func (f stamper) Register(r *framework.Router) error {
	add := r.GrantAddHeader()
	r.OnEndOfMessage(func(s *framework.Session, _ *framework.EndOfMessage) (framework.Verdict, error) {
		return framework.Continue, add.Append(s, "X-Stamp", f.value)
	})
	return nil
}

// serveFilters serves filters on a free port until stop is called.
func serveFilters(filters ...framework.Filter) (addr string, stop func() error, err error) {
	r := framework.NewRouter()
	for _, f := range filters {
		r.Mount(f)
	}
	srv, err := framework.NewServer(r, framework.Config{Logger: slog.New(slog.DiscardHandler)})
	if err != nil {
		return "", nil, err
	}
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return "", nil, err
	}
	go func() { _ = srv.Serve(ln) }()
	return "inet:" + ln.Addr().String(), srv.Close, nil
}

// A milter stands as a shadow beside the filter that is to replace it. Both stamp the message;
// the time in the stamp does not matter. What is delivered has the filter's stamp alone.
func ExampleShadow() {
	old, stopOld, err := serveFilters(stamper{"old", "v=1; t=1001"})
	if err != nil {
		fmt.Println(err)
		return
	}
	defer func() { _ = stopOld() }()
	reports := make(chan remote.Difference, 1)
	moment := regexp.MustCompile(`\bt=\d+`)
	shadow, err := remote.New(remote.Config{Name: "old", Addresses: []string{old}, Shadow: &remote.Shadow{
		Of:     "new",
		Report: func(d remote.Difference) { reports <- d },
		Normalize: func(e remote.Edit) (remote.Edit, bool) {
			e.Value = moment.ReplaceAllString(e.Value, "t=…")
			return e, true
		},
	}})
	if err != nil {
		fmt.Println(err)
		return
	}
	defer func() { _ = shadow.Close() }()
	addr, stop, err := serveFilters(shadow, stamper{"new", "v=2; t=1002"}) // the shadow directly before
	if err != nil {
		fmt.Println(err)
		return
	}
	defer func() { _ = stop() }()
	conn, err := mta.Dial(context.Background(), addr, mta.Config{})
	if err != nil {
		fmt.Println(err)
		return
	}
	out, err := conn.Send(context.Background(), &mta.Message{Body: []byte("hello\r\n")})
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Print(strings.ReplaceAll(string(out.Edited.Bytes()), "\r\n", "\n"))
	d := <-reports
	fmt.Println("only the milter:", d.Extra)
	fmt.Println("only the filter:", d.Missing)
	_ = conn.Quit(context.Background())
	// Output:
	// X-Stamp: v=2; t=1002
	//
	// hello
	// only the milter: [addheader X-Stamp " v=1; t=…" at 0]
	// only the filter: [addheader X-Stamp " v=2; t=…" at 0]
}
