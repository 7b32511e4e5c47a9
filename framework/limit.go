package framework

import (
	"errors"
	"sync/atomic"

	"github.com/sluicemail/sluice/framework/internal/spool"
)

// limitHit describes a limit because of which a part of a message cannot be
// kept.
type limitHit struct {
	part    parts
	verdict Verdict        // refuses the message, or at Rcpt the recipient
	total   *atomic.Uint64 // counts the limits of this kind
	limit   string         // the field of Config
	most    int64          // its value
	err     error          // the cause, or nil
}

// noMemory returns the limit of the memory that all messages share. It applies to
// envelopes, headers, edits and what filters keep. A body for which there is no memory goes
// to a file. For an envelope a retry helps in any case, because the client then sends the
// refused recipients without the others.
func (sh *shared) noMemory(part parts) *limitHit {
	return &limitHit{
		part:    part,
		verdict: shortOfStorage(),
		total:   &sh.counters.noRoom,
		limit:   "MemoryBudget", most: sh.store.Memory.Limit,
	}
}

// noMemoryForHeader is noMemory for a header that needs the given number of bytes. A header
// that the whole budget cannot hold never fits.
func (sh *shared) noMemoryForHeader(needed int64) *limitHit {
	if most := sh.store.Memory.Limit; needed > most {
		return sh.tooLarge(theHeader, "MemoryBudget", most)
	}
	return sh.noMemory(theHeader)
}

// noDisk returns the limit of the files that all messages share.
func (sh *shared) noDisk(err error) *limitHit {
	return &limitHit{
		part:    theBody,
		verdict: shortOfStorage(),
		total:   &sh.counters.noRoom,
		limit:   "DiskBudget", most: sh.store.Disk.Limit, err: err,
	}
}

// shortOfStorage returns the reply when a budget of the server is full. A retry helps once
// other messages have ended and given back their part. The codes are those of RFC 5321 for
// storage and of RFC 3463 for a full system.
func shortOfStorage() Verdict {
	return MustReply(452, "4.3.1", "the mail filter is short of storage, try again later")
}

// tooLarge returns a limit on the size of one message, which has the same size at the next
// attempt: the codes are those of RFC 5321 for a message that exceeds what is allocated to
// it, and of RFC 3463 for a message too big for the system.
func (sh *shared) tooLarge(part parts, limit string, most int64) *limitHit {
	return &limitHit{
		part:    part,
		verdict: MustReply(552, "5.3.4", "message "+part.String()+" too large for the mail filter"),
		total:   &sh.counters.tooLarge,
		limit:   limit, most: most,
	}
}

// tooManyRecipients returns the limit on the recipients of one message. A retry helps,
// because the client then sends the message to the remaining recipients alone (RFC 5321
// section 4.5.3.1.10).
func (sh *shared) tooManyRecipients() *limitHit {
	return &limitHit{
		part:    theEnvelope,
		verdict: MustReply(452, "4.5.3", "too many recipients for the mail filter"),
		total:   &sh.counters.tooLarge,
		limit:   "MaxRecipients", most: int64(sh.cfg.MaxRecipients),
	}
}

// spoolLimit returns the limit that caused an error of the spool. After any other error of
// a file, such as a missing directory, a retry helps once the directory is mended.
func (sh *shared) spoolLimit(err error) *limitHit {
	switch {
	case errors.Is(err, spool.ErrFull):
		return sh.tooLarge(theBody, "MaxSpool", sh.cfg.MaxSpool)
	case errors.Is(err, spool.ErrNoRoom):
		return sh.noDisk(err)
	default:
		return &limitHit{part: theBody, verdict: failureVerdict(), total: &sh.counters.noRoom, limit: "SpoolDir", err: err}
	}
}
