package wire

import (
	"fmt"
	"strconv"
)

// ReplyCode is the byte that identifies a reply: SMFIR_ in mfdef.h.
type ReplyCode byte

// The replies that a filter sends.
const (
	RepAddRcpt    ReplyCode = '+' // SMFIR_ADDRCPT: add a recipient
	RepDelRcpt    ReplyCode = '-' // SMFIR_DELRCPT: remove a recipient
	RepAddRcptPar ReplyCode = '2' // SMFIR_ADDRCPT_PAR: add one with ESMTP arguments
	RepShutdown   ReplyCode = '4' // SMFIR_SHUTDOWN: reply 421 and end the SMTP session
	RepAccept     ReplyCode = 'a' // SMFIR_ACCEPT: accept, and send no more events
	RepReplBody   ReplyCode = 'b' // SMFIR_REPLBODY: a chunk of the new body
	RepContinue   ReplyCode = 'c' // SMFIR_CONTINUE: go on
	RepDiscard    ReplyCode = 'd' // SMFIR_DISCARD: accept, and deliver to no one
	RepChgFrom    ReplyCode = 'e' // SMFIR_CHGFROM: change the envelope sender
	RepConnFail   ReplyCode = 'f' // SMFIR_CONN_FAIL: fail the connection
	RepAddHeader  ReplyCode = 'h' // SMFIR_ADDHEADER: append a header field
	RepInsHeader  ReplyCode = 'i' // SMFIR_INSHEADER: insert a header field
	RepSetSymList ReplyCode = 'l' // SMFIR_SETSYMLIST: reserved in mfdef.h; lists travel in OPTNEG
	RepChgHeader  ReplyCode = 'm' // SMFIR_CHGHEADER: change or delete a header field
	RepProgress   ReplyCode = 'p' // SMFIR_PROGRESS: still working, wait longer
	RepQuarantine ReplyCode = 'q' // SMFIR_QUARANTINE: hold the message
	RepReject     ReplyCode = 'r' // SMFIR_REJECT: refuse permanently
	RepSkip       ReplyCode = 's' // SMFIR_SKIP: send no more events of this kind
	RepTempFail   ReplyCode = 't' // SMFIR_TEMPFAIL: refuse temporarily
	RepReplyCode  ReplyCode = 'y' // SMFIR_REPLYCODE: an SMTP reply that the filter composed
	RepOptNeg     ReplyCode = 'O' // SMFIC_OPTNEG: the filter's side of the negotiation
)

// String returns the reply's name in mfdef.h, such as SMFIR_CONTINUE.
func (c ReplyCode) String() string {
	if c == RepOptNeg {
		return CmdOptNeg.String()
	}
	if name := c.knownName(); name != "" {
		return name
	}
	return "reply " + strconv.QuoteRune(rune(c))
}

// knownName returns the name of a defined code, or "". The names are constants
// because every message asks for one.
func (c ReplyCode) knownName() string {
	switch c {
	case RepAddRcpt:
		return "SMFIR_ADDRCPT"
	case RepDelRcpt:
		return "SMFIR_DELRCPT"
	case RepAddRcptPar:
		return "SMFIR_ADDRCPT_PAR"
	case RepShutdown:
		return "SMFIR_SHUTDOWN"
	case RepAccept:
		return "SMFIR_ACCEPT"
	case RepReplBody:
		return "SMFIR_REPLBODY"
	case RepContinue:
		return "SMFIR_CONTINUE"
	case RepDiscard:
		return "SMFIR_DISCARD"
	case RepChgFrom:
		return "SMFIR_CHGFROM"
	case RepConnFail:
		return "SMFIR_CONN_FAIL"
	case RepAddHeader:
		return "SMFIR_ADDHEADER"
	case RepInsHeader:
		return "SMFIR_INSHEADER"
	case RepSetSymList:
		return "SMFIR_SETSYMLIST"
	case RepChgHeader:
		return "SMFIR_CHGHEADER"
	case RepProgress:
		return "SMFIR_PROGRESS"
	case RepQuarantine:
		return "SMFIR_QUARANTINE"
	case RepReject:
		return "SMFIR_REJECT"
	case RepSkip:
		return "SMFIR_SKIP"
	case RepTempFail:
		return "SMFIR_TEMPFAIL"
	case RepReplyCode:
		return "SMFIR_REPLYCODE"
	}
	return ""
}

// Reply is a message from the filter to the MTA.
type Reply interface {
	// ReplyCode returns the code of the message.
	ReplyCode() ReplyCode
	// Decode replaces the message with the one that data encodes. The error
	// is a *ProtocolError or wraps ErrNotImplemented. After an error the
	// message must not be used.
	Decode(data []byte) error
	// Encode appends the message to dst as a complete frame. The error is a
	// *ValueError, and Encode then returns dst unchanged.
	Encode(dst []byte) ([]byte, error)
	// String returns a description of the message on one line.
	String() string
}

// ParseReply decodes the reply in f. The reply may be retained, except that the
// chunk of a [ReplaceBody] points into f. The error is a *ProtocolError or
// wraps ErrNotImplemented.
func ParseReply(f Frame) (Reply, error) {
	code := ReplyCode(f.Code)
	if code == RepSetSymList {
		return nil, fmt.Errorf("%w: %v", ErrNotImplemented, code)
	}
	r := newReply(code)
	if r == nil {
		return nil, violation("frame", "unknown reply "+strconv.QuoteRune(rune(f.Code)))
	}
	if err := r.Decode(f.Data); err != nil {
		return nil, err
	}
	return r, nil
}

func newReply(code ReplyCode) Reply {
	switch code {
	case RepOptNeg:
		return new(Negotiate)
	case RepReplyCode:
		return new(SMTPReply)
	case RepAddHeader:
		return new(AddHeader)
	case RepInsHeader:
		return new(InsertHeader)
	case RepChgHeader:
		return new(ChangeHeader)
	case RepChgFrom:
		return new(ChangeFrom)
	case RepAddRcpt:
		return new(AddRcpt)
	case RepAddRcptPar:
		return new(AddRcptPar)
	case RepDelRcpt:
		return new(DelRcpt)
	case RepReplBody:
		return new(ReplaceBody)
	case RepQuarantine:
		return new(Quarantine)
	}
	if code.isBare() {
		return &BareReply{Code: code}
	}
	return nil
}
