package load

import (
	"bytes"
	"errors"
	"fmt"

	"github.com/sluicemail/sluice/wire"

	"github.com/sluicemail/sluice/framework/benchmarks/internal/workload"
)

// checker tells whether a filter says what its workload is to say.
type checker struct {
	added    []byte // the data of the frame that adds the field, if there is one
	inserted string // the name of the field that is inserted, if there is one
	bodies   [2][]byte

	adds    int
	inserts int
	at      [2]int // how much of each body came
	broken  [2]bool
	chunks  int
}

// newChecker knows what the replies to a message are to be. A new body may have
// LF where the original has CRLF: Postfix takes both.
func newChecker(name workload.Name, msg *workload.Message, answer *wire.Negotiate) *checker {
	c := new(checker)
	if f, ok := name.Added(msg); ok {
		if answer.Protocol.Has(wire.ProtoHdrLeadSpc) {
			f.Value = " " + f.Value
		}
		c.added = []byte(f.Name + "\x00" + f.Value + "\x00")
	}
	if name == workload.W4 {
		body := workload.NewBody()
		c.bodies = [2][]byte{body, bytes.ReplaceAll(body, []byte("\r\n"), []byte("\n"))}
	}
	return c
}

// reply takes the answer to an event before the end.
func (*checker) reply(f wire.Frame) (done bool, err error) {
	switch wire.ReplyCode(f.Code) {
	case wire.RepProgress:
		return false, nil
	case wire.RepContinue:
		return true, nil
	default:
		return true, fmt.Errorf("the answer to an event was %v", wire.ReplyCode(f.Code))
	}
}

// end takes one of the answers to the end of the message.
func (c *checker) end(f wire.Frame) (done bool, err error) {
	switch wire.ReplyCode(f.Code) {
	case wire.RepProgress:
		return false, nil
	case wire.RepAddHeader:
		if c.adds++; !bytes.Equal(f.Data, c.added) {
			return true, fmt.Errorf("the added field is %q and not %q", f.Data, c.added)
		}
		return false, nil
	case wire.RepInsHeader:
		c.inserts++
		return false, c.insertion(f.Data)
	case wire.RepReplBody:
		c.chunk(f.Data)
		return false, nil
	case wire.RepContinue, wire.RepAccept:
		return true, c.verdict()
	default:
		return true, fmt.Errorf("an answer to the end of the message was %v", wire.ReplyCode(f.Code))
	}
}

// insertion looks at the data of a frame that inserts a field.
func (c *checker) insertion(data []byte) error {
	var m wire.InsertHeader
	if err := m.Decode(data); err != nil {
		return err
	}
	if m.Name != c.inserted || len(m.Value) == 0 {
		return fmt.Errorf("the field %q was inserted and not %q", m.Name, c.inserted)
	}
	return nil
}

func (c *checker) chunk(data []byte) {
	c.chunks++
	for i, body := range c.bodies {
		if c.broken[i] {
			continue
		}
		if c.at[i] > len(body) || !bytes.HasPrefix(body[c.at[i]:], data) {
			c.broken[i] = true
			continue
		}
		c.at[i] += len(data)
	}
}

var (
	errAdds = errors.New("not just the one field was added that should be")
	errBody = errors.New("the new body is not the one that it should be")
)

// verdict looks at all that came, and forgets it.
func (c *checker) verdict() error {
	adds, inserts, at, broken, chunks := c.adds, c.inserts, c.at, c.broken, c.chunks
	c.adds, c.inserts, c.at, c.broken, c.chunks = 0, 0, [2]int{}, [2]bool{}, 0
	if adds != min(len(c.added), 1) || inserts != min(len(c.inserted), 1) {
		return fmt.Errorf("%w: %d added, %d inserted", errAdds, adds, inserts)
	}
	whole := func(i int) bool { return !broken[i] && at[i] == len(c.bodies[i]) }
	if (chunks > 0) != (c.bodies[0] != nil) || c.bodies[0] != nil && !whole(0) && !whole(1) {
		return fmt.Errorf("%w: %d bytes", errBody, max(at[0], at[1]))
	}
	return nil
}
