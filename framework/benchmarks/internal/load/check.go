package load

import (
	"bytes"
	"errors"
	"fmt"

	"github.com/sluicemail/sluice/wire"

	"github.com/sluicemail/sluice/framework/benchmarks/internal/workload"
)

// checker checks that a filter's replies are those of its workload.
type checker struct {
	added    []byte // expected data of the frame that adds a field; nil for none
	inserted string // name of the field that must be inserted; "" for none
	bodies   [2][]byte

	adds    int
	inserts int
	at      [2]int // bytes received that match the start of each body
	broken  [2]bool
	chunks  int
}

// newChecker returns a checker for the replies to msg. A new body may have LF
// where the original has CRLF, because Postfix accepts both.
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

// reply checks a reply to an event before the end of the message.
func (*checker) reply(f wire.Frame) (done bool, err error) {
	switch wire.ReplyCode(f.Code) {
	case wire.RepProgress:
		return false, nil
	case wire.RepContinue:
		return true, nil
	default:
		return true, fmt.Errorf("reply to an event is %v", wire.ReplyCode(f.Code))
	}
}

// end checks a reply at the end of the message.
func (c *checker) end(f wire.Frame) (done bool, err error) {
	switch wire.ReplyCode(f.Code) {
	case wire.RepProgress:
		return false, nil
	case wire.RepAddHeader:
		if c.adds++; !bytes.Equal(f.Data, c.added) {
			return true, fmt.Errorf("added field is %q, want %q", f.Data, c.added)
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
		return true, fmt.Errorf("reply to the end of the message is %v", wire.ReplyCode(f.Code))
	}
}

// insertion checks the data of a frame that inserts a field.
func (c *checker) insertion(data []byte) error {
	var m wire.InsertHeader
	if err := m.Decode(data); err != nil {
		return err
	}
	if m.Name != c.inserted || len(m.Value) == 0 {
		return fmt.Errorf("inserted field is %q, want %q", m.Name, c.inserted)
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
	errAdds = errors.New("wrong number of added or inserted fields")
	errBody = errors.New("wrong new body")
)

// verdict checks all modifications of the message and resets the checker.
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
