package remote_test

import (
	"fmt"
	"log/slog"
	"net"

	"github.com/sluicemail/sluice/contrib/remote"
	"github.com/sluicemail/sluice/framework"
)

// A milter that runs elsewhere is mounted like any other filter. Here it is one of this
// framework, which refuses at MAIL. It asks for macros at CONNECT, so that the MTA sends
// CONNECT, and does not wait for an answer.
func Example() {
	elsewhere := framework.NewRouter()
	elsewhere.OnMail(func(*framework.Session, *framework.Mail) (framework.Verdict, error) {
		return framework.Reply(550, "5.7.1", "not from here")
	})
	milter, err := framework.NewServer(elsewhere, framework.Config{Logger: slog.New(slog.DiscardHandler)})
	if err != nil {
		fmt.Println(err)
		return
	}
	defer func() { _ = milter.Close() }()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		fmt.Println(err)
		return
	}
	go func() { _ = milter.Serve(ln) }()

	f, err := remote.New(remote.Config{Name: "gate", Addresses: []string{"inet:" + ln.Addr().String()}})
	if err != nil {
		fmt.Println(err)
		return
	}
	defer func() { _ = f.Close() }()
	r := framework.NewRouter()
	r.Mount(f)
	plan, err := r.Plan()
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(plan.Protocol)
	// Output: SMFIP_NOHELO|SMFIP_NORCPT|SMFIP_NOBODY|SMFIP_NOHDRS|SMFIP_NOEOH|SMFIP_NOUNKNOWN|SMFIP_NODATA|SMFIP_NR_CONN
}
