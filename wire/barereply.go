package wire

// BareReply is a reply that carries no data: RepContinue, RepAccept, RepReject,
// RepTempFail, RepDiscard, RepSkip, RepProgress, RepConnFail or RepShutdown.
type BareReply struct {
	Code ReplyCode
}

func (c ReplyCode) isBare() bool {
	switch c {
	case RepContinue, RepAccept, RepReject, RepTempFail, RepDiscard, RepSkip,
		RepProgress, RepConnFail, RepShutdown:
		return true
	}
	return false
}

// ReplyCode implements [Reply].
func (m *BareReply) ReplyCode() ReplyCode { return m.Code }

// Decode implements [Reply]. Data is an error, because Postfix gives up a
// filter that sends data with such a reply.
func (m *BareReply) Decode(data []byte) error {
	c := cursor{rest: data, name: m.Code}
	return c.done()
}

// Encode implements [Reply].
func (m *BareReply) Encode(dst []byte) ([]byte, error) {
	e := newEncoder(dst, byte(m.Code), m.Code.String())
	if !m.Code.isBare() {
		e.fail("not a reply without data")
	}
	return e.done()
}

// String implements [Reply].
func (m *BareReply) String() string { return m.Code.String() }
