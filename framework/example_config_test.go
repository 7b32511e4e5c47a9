package framework_test

import (
	"cmp"
	"fmt"
	"os"
	"strings"

	"github.com/sluicemail/sluice/framework"
	"github.com/sluicemail/sluice/framework/miltertest"
)

// A server with little memory: it refuses permanently what is always too large, and
// temporarily what it has no room for at the moment. Limits that are not set have their
// defaults.
func ExampleConfig() {
	t := miltertest.ExampleT(os.Stdout)
	defer t.Finish()
	cfg := framework.Config{
		MaxHeaders:   100,
		SpoolMemory:  64 << 10, // larger bodies are kept in files
		MemoryBudget: 1 << 20,  // for all messages together
		DiskBudget:   512 << 10,
	}
	archive := miltertest.FilterFunc("archive", func(r *framework.Router) error {
		headers, body := r.WantHeaders(), r.WantBody()
		r.OnEndOfMessage(func(s *framework.Session, _ *framework.EndOfMessage) (framework.Verdict, error) {
			subject, _ := headers.First(s, "Subject")
			fmt.Println("archived:", subject.Value, body.Size(s))
			return framework.Continue, nil
		})
		return nil
	})
	send := func(header string, size int) {
		msg := miltertest.Message(header + "\n" + strings.Repeat("0123456789abcd\r\n", size/16))
		res := miltertest.Run(t, archive, msg, miltertest.Configure(func(c *framework.Config) {
			c.MaxHeaders, c.SpoolMemory = cfg.MaxHeaders, cfg.SpoolMemory
			c.MemoryBudget, c.DiskBudget = cfg.MemoryBudget, cfg.DiskBudget
		}))
		fmt.Println(cmp.Or(res.Reply(), "taken"))
	}
	send("Subject: small\n", 32<<10)
	send("Subject: in a file\n", 256<<10)
	send("Subject: never any room\n", 768<<10)
	send(strings.Repeat("X-Large: "+strings.Repeat("x", 20<<10)+"\n", 90), 16)
	send(strings.Repeat("X-Trace: on\n", 200), 16)
	// Output:
	// archived: small 32768
	// taken
	// archived: in a file 262144
	// taken
	// 552 5.3.4 message body too large for the mail filter
	// 552 5.3.4 message header too large for the mail filter
	// 552 5.3.4 message header too large for the mail filter
}
