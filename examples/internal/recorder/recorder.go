package recorder

import (
	"fmt"
	"strconv"
	"strings"

	"github.com/sluicemail/sluice/framework"
)

// New returns a router with a filter that sends the header and the body of each message,
// as text, to the channel, and then discards the message.
func New(seen chan<- string) *framework.Router {
	r := framework.NewRouter()
	text, body := framework.PerMessage[strings.Builder](r), framework.PerMessage[[]byte](r)
	r.WantRawHeaders()
	r.ObserveHeader(func(s *framework.Session, h *framework.Header) error {
		fmt.Fprintf(text.Get(s), "%q:%s\n", h.Name(), short(h.Value()))
		return nil
	})
	r.ObserveBody(func(s *framework.Session, b *framework.Body) error {
		*body.Get(s) = append(*body.Get(s), b.Chunk()...)
		return nil
	})
	r.OnEndOfMessage(func(s *framework.Session, _ *framework.EndOfMessage) (framework.Verdict, error) {
		seen <- text.Get(s).String() + short(string(*body.Get(s)))
		return framework.Discard, nil
	})
	return r
}

// short returns a text, quoted. Of a long text it returns the end and the length.
func short(text string) string {
	if n := len(text); n > 500 {
		return fmt.Sprintf("%q after %d bytes", text[n-20:], n-20)
	}
	return strconv.Quote(text)
}
