package framework

import (
	"errors"
	"slices"

	"github.com/sluicemail/sluice/framework/internal/address"
	"github.com/sluicemail/sluice/framework/internal/ledger"
	"github.com/sluicemail/sluice/framework/internal/spool"
	"github.com/sluicemail/sluice/wire"
)

// parts is a set of parts of a message that a lane may need.
type parts uint8

const (
	theEnvelope parts = 1 << iota // kept
	theHeader                     // kept
	theBody                       // kept
	theFields                     // of the header, shown one by one
	ofFilter                      // what a filter itself keeps
)

// String implements fmt.Stringer.
func (p parts) String() string {
	switch {
	case p&theEnvelope != 0:
		return "envelope"
	case p&theBody != 0:
		return "body"
	case p&ofFilter != 0:
		return "filter's memory"
	default:
		return "header"
	}
}

// keptThings says what the sessions of a plan keep.
type keptThings struct{ client, helo, envelope, header, body bool }

// content holds the parts of the open message that are kept. If a part exceeds a limit,
// the method that keeps it returns the limit, and the caller drops the part. Otherwise
// the method returns nil.
type content struct {
	keeps  keptThings
	shared *shared
	lost   parts // not kept any more: no lane that goes on needs them

	sender     string
	recipients []string // as the client spelled them
	envelope   spool.Reservation

	book   ledger.Ledger
	header spool.Reservation
	fields int // that the MTA showed so far
	bytes  int // in them

	repeated repeatedHeader // in front of the body

	body   spool.Spool // as the MTA sent it
	edited spool.Spool // the body of a filter, if it is not in the filter's memory

	loan     *loan   // of the readers that handlers have, or nil
	unedited bool    // the handlers of BeforeEndOfMessage run
	early    []*loan // of the readers that they have taken

	filters spool.Reservation // what filters keep, and the edits that they asked for
}

func newContent(keeps keptThings, shared *shared) content {
	c := content{keeps: keeps, shared: shared, body: shared.store.New(), edited: shared.store.New()}
	c.book.Pool = &shared.books
	return c
}

// recorded reports whether the ledger has the whole header.
func (c *content) recorded() bool { return c.keeps.header && c.lost&theHeader == 0 }

// The memory that a header field and a recipient take in addition to their
// bytes, with the room that the ledger's slices have to grow.
const (
	fieldCost     = 160
	recipientCost = 16
)

func (c *content) reserve(r *spool.Reservation, n int) bool {
	return r.Grow(&c.shared.store.Memory, int64(n))
}

// keepSender keeps the envelope's sender.
func (c *content) keepSender(addr string) *limitHit {
	if !c.reserve(&c.envelope, len(addr)) {
		return c.shared.noMemory(theEnvelope)
	}
	c.sender = addr
	return nil
}

// names reports whether the address is in the envelope, as far as it is kept.
func (c *content) names(addr string) bool {
	addr = address.Bare(addr)
	is := func(kept string) bool { return address.Bare(kept) == addr }
	return is(c.sender) || slices.ContainsFunc(c.recipients, is)
}

// keepsEnvelope reports whether the envelope is being kept.
func (c *content) keepsEnvelope() bool { return c.keeps.envelope && c.lost&theEnvelope == 0 }

// keepRecipient keeps a recipient, as the client spelled it.
func (c *content) keepRecipient(addr string) *limitHit {
	if len(c.recipients) >= c.shared.cfg.MaxRecipients {
		return c.shared.tooManyRecipients()
	}
	if !c.reserve(&c.envelope, len(addr)+recipientCost) {
		return c.shared.noMemory(theEnvelope)
	}
	c.recipients = append(c.recipients, addr)
	return nil
}

// keepField counts a header field, and keeps it if the header is kept.
func (c *content) keepField(msg *wire.Header) (ledger.ID, *limitHit) {
	cfg, size := &c.shared.cfg, len(msg.Name)+len(msg.Value)
	c.fields++
	c.bytes += size
	switch {
	case c.lost&theFields != 0:
	case c.fields > cfg.MaxHeaders:
		return 0, c.shared.tooLarge(theHeader|theFields, "MaxHeaders", int64(cfg.MaxHeaders))
	case c.bytes > cfg.MaxHeaderBytes:
		return 0, c.shared.tooLarge(theHeader|theFields, "MaxHeaderBytes", int64(cfg.MaxHeaderBytes))
	case !c.recorded():
	case !c.reserve(&c.header, size+fieldCost):
		return 0, c.shared.noMemoryForHeader(c.header.Needed() + int64(size+fieldCost))
	default:
		return c.book.Show(msg.Name, msg.Value), nil
	}
	return 0, nil
}

// keepsBody reports whether the body is being kept.
func (c *content) keepsBody() bool { return c.keeps.body && c.lost&theBody == 0 }

// keepChunk keeps a chunk of the body. If the chunk cannot be kept, keepChunk
// releases the whole body.
func (c *content) keepChunk(chunk []byte) (*limitHit, error) {
	_, err := c.body.Write(chunk)
	if err == nil {
		return nil, nil
	}
	return c.shared.spoolLimit(err), c.body.Reset()
}

// lose drops parts of the message that no lane needs any more.
func (c *content) lose(what parts) error {
	c.lost |= what
	if what&theHeader != 0 {
		c.book.Reset()
		c.header.Release()
	}
	if what&theEnvelope != 0 {
		c.sender, c.recipients = "", nil
		c.envelope.Release()
	}
	if what&theBody != 0 {
		return c.body.Reset()
	}
	return nil
}

// recall ends the loan of the readers that were handed out, if there are any.
func (c *content) recall() {
	if c.loan == nil {
		return
	}
	c.loan.end()
	c.loan = nil
}

// recallEarly ends the loans of the readers that were taken before the end of the message.
func (c *content) recallEarly() {
	for _, l := range c.early {
		l.end()
	}
	c.early = truncated(c.early)
}

// replaceBody replaces the body by a filter's. It keeps the MTA's body as long as a reader
// that was taken before the end of the message may read it. The error is that of closing the
// body before.
func (c *content) replaceBody(fresh *spool.Spool) error {
	err := c.edited.Replace(fresh)
	if len(c.early) == 0 {
		err = errors.Join(err, c.body.Reset())
	}
	return err
}

// reset releases everything that is kept of the message.
func (c *content) reset() error {
	c.recall()
	c.recallEarly()
	c.unedited = false
	c.book.Reset()
	c.header.Release()
	c.fields, c.bytes = 0, 0
	c.sender, c.recipients = "", truncated(c.recipients)
	c.envelope.Release()
	c.filters.Release()
	c.repeated.reset()
	c.lost = 0
	return errors.Join(c.edited.Reset(), c.body.Reset())
}

// sessionMemory is what filters keep outside of a message.
type sessionMemory struct {
	session spool.Reservation
	helo    spool.Reservation // since the latest HELO
}

// Release gives everything back to the budget.
func (m *sessionMemory) Release() {
	m.session.Release()
	m.helo.Release()
}

// usualEntries is the number of entries of a list for which a session keeps memory
// between messages. Most messages need fewer, and no budget counts this memory.
const usualEntries = 256

// truncated returns the list without entries, for the next message. It keeps no memory beyond
// the usual need, and no entry keeps what it points to.
func truncated[E any](list []E) []E {
	if cap(list) > usualEntries {
		return nil
	}
	clear(list)
	return list[:0]
}
