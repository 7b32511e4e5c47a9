package replay_test

import (
	"context"
	"fmt"
	"log/slog"
	"net"
	"os"

	"github.com/sluicemail/sluice/framework"
	"github.com/sluicemail/sluice/framework/inspect/record"
	"github.com/sluicemail/sluice/framework/miltertest"
	"github.com/sluicemail/sluice/framework/miltertest/replay"
	"github.com/sluicemail/sluice/wire"
)

// serve serves a filter in this process, and returns how to connect to it.
func serve(f framework.Filter) func(context.Context) (net.Conn, error) {
	r := framework.NewRouter()
	r.Mount(f)
	srv, _ := framework.NewServer(r, framework.Config{Logger: slog.New(slog.DiscardHandler)})
	return func(context.Context) (net.Conn, error) {
		near, far := miltertest.Pipe()
		go srv.ServeConn(far)
		return near, nil
	}
}

func ExampleRun() {
	// The records are usually those of framework/inspect: record.Open("/var/lib/records").
	frame := func(fromMTA bool, code byte, data string) record.Frame {
		return record.Frame{FromMTA: fromMTA, Code: code, Data: []byte(data), Size: wire.HeaderLen + len(data)}
	}
	m := &record.Message{Frames: []record.Frame{
		frame(true, 'O', "\x00\x00\x00\x06\x00\x00\x01\xff\x00\x1f\xff\xff"),
		frame(false, 'O', "\x00\x00\x00\x06\x00\x00\x00\x00\x00\x00\x03\x7b"), // MAIL alone
		frame(true, 'M', "<bulk@example.com>\x00"),
		frame(false, 'c', ""),
		frame(true, 'E', ""),
		frame(false, 'c', ""),
	}}
	m.ID, m.QueueID, m.Sender = "1", "4ZQ1", "<bulk@example.com>"

	changed := miltertest.FilterFunc("changed", func(r *framework.Router) error {
		r.OnMail(func(_ *framework.Session, e *framework.Mail) (framework.Verdict, error) {
			if e.Sender() == "bulk@example.com" {
				return framework.Reject, nil
			}
			return framework.Continue, nil
		})
		return nil
	})
	cfg := replay.Config{Dial: serve(changed), AsksForMacros: true}
	summary, err := replay.Run(context.Background(), cfg, each([]*record.Message{m}), func(r *replay.Result) error {
		fmt.Print(r.Text())
		return nil
	})
	if err != nil {
		fmt.Println(err)
	}
	_ = summary.WriteText(os.Stdout)
	// Output:
	// 4ZQ1 from <bulk@example.com>
	//   verdict
	//     recorded        accepted
	//     now             rejected at Mail
	// 1 of 1 messages would be treated differently:
	//       1  verdict: 4ZQ1
	// The filter asks of the MTA now:
	//       1  SMFIF_SETSYMLIST: 4ZQ1
	//       1  SMFIM_CONNECT t: 4ZQ1
	//       1  SMFIM_CONNECT v: 4ZQ1
}
