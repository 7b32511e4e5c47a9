package framework

import (
	"cmp"
	"fmt"
	"time"

	"github.com/sluicemail/sluice/framework/internal/tape"
	"github.com/sluicemail/sluice/wire"
)

// Recorder receives what happened in each message of a server: see Config.Recorder. Package
// inspect has one. Its methods may be called by several goroutines at the same time.
type Recorder interface {
	// RecordLimits returns how much to record. NewServer calls it once.
	RecordLimits() RecordLimits
	// Record receives the recording of a message that has ended, or of an SMTP session
	// that ended without a message. rec and its bytes are valid during the call. The
	// session waits for Record before it handles the MTA's next command, so Record must
	// not wait for a disk or a lock that is held for long.
	Record(rec *Recording)
}

// RecordLimits says how much is recorded of each message.
type RecordLimits struct {
	// Bytes is the size up to which a message is recorded. Larger content is cut, and the
	// recording says so. NewServer returns an error if it is less than 32 KiB or more than
	// 128 MiB.
	Bytes int
	// Open limits the memory for the recordings of all open messages of the server
	// together, beyond 64 KiB for each. If it is used up, content is cut. Zero means 32 MiB.
	Open int64
	// Header and Body say whether the content is recorded.
	Header, Body bool
	// Complete asks MTAs for CONNECT, HELO, MAIL and RCPT, and for header fields if Header
	// is set, even if no filter needs them. Otherwise a record lacks what no filter asks
	// for. A stage is left out if the MTA would wait for its answer.
	Complete bool
}

// The values that RecordLimits.Bytes may have.
const (
	leastRecord = 32 << 10
	mostRecord  = 128 << 20
)

// limitsOf returns what the Recorder of a server asks for. Nil asks for nothing.
func limitsOf(to Recorder, filters int) (l RecordLimits, err error) {
	if to == nil {
		return l, nil
	}
	if filters > tape.MaxFilters {
		return l, fmt.Errorf("framework: Config.Recorder takes %d filters at most, and there are %d", tape.MaxFilters, filters)
	}
	l = to.RecordLimits()
	if err := l.check(); err != nil {
		return l, err
	}
	l.Open = cmp.Or(l.Open, 32<<20)
	return l, nil
}

// stages returns the bits of the stages that MTAs are to send though no filter needs them.
func (l *RecordLimits) stages() (bits wire.Protocol) {
	if !l.Complete {
		return 0
	}
	if bits = wire.ProtoNoConnect | wire.ProtoNoHelo | wire.ProtoNoMail | wire.ProtoNoRcpt; l.Header {
		bits |= wire.ProtoNoHdrs
	}
	return bits
}

// check returns an error if a limit is invalid.
func (l *RecordLimits) check() error {
	switch {
	case l.Bytes < leastRecord || l.Bytes > mostRecord:
		return fmt.Errorf("framework: RecordLimits.Bytes is not between %d and %d: %d", leastRecord, mostRecord, l.Bytes)
	case l.Open < 0:
		return fmt.Errorf("framework: RecordLimits.Open is negative: %d", l.Open)
	}
	return nil
}

// Recording is what happened in one message, in the format that record.Decode reads.
type Recording struct {
	// Bytes is the recording.
	Bytes []byte
	// Refused reports whether the message, one of its recipients or the client was
	// refused, or the message was discarded or quarantined.
	Refused bool
	// Failed reports whether a filter failed, or was left out because of a limit, or whether a
	// function of Route.AfterMessage hung.
	Failed bool
	// Working is how long the filters' handlers ran.
	Working time.Duration
	// Ended is when the filters had answered. Its clock is that by which the connection began.
	Ended time.Time
}
