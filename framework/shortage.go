package framework

import (
	"errors"
	"sync/atomic"

	"github.com/sluicemail/sluice/framework/internal/spool"
)

// shortage is why a part of a message is not kept.
type shortage struct {
	verdict Verdict
	total   *atomic.Uint64 // of its kind
	limit   string         // the field of Config
	most    int64
	err     error
}

// noRoom is the shortage of what all messages share. There may be room later:
// the codes are RFC 5321's for storage, and RFC 3463's for a full system.
func (s *Session) noRoom(err error) shortage {
	return shortage{
		verdict: MustReply(452, "4.3.1", "the mail filter is short of storage, try again later"),
		total:   &s.link.counters.noRoom,
		limit:   "MemoryBudget", most: s.store.Memory.Limit, err: err,
	}
}

// noDisk is the shortage of a body that found no room in memory, nor in a file.
func (s *Session) noDisk(err error) shortage {
	why := s.noRoom(err)
	why.limit, why.most = "DiskBudget", s.store.Disk.Limit
	return why
}

// tooLarge is the shortage of a message that is too large whenever it comes.
func (s *Session) tooLarge(what contents, limit string, most int64) shortage {
	return shortage{
		verdict: MustReply(552, "5.3.4", "message "+what.String()+" too large for the mail filter"),
		total:   &s.link.counters.tooLarge,
		limit:   limit, most: most,
	}
}

func (s *Session) tooManyRecipients() shortage {
	return shortage{
		verdict: MustReply(452, "4.5.3", "too many recipients for the mail filter"),
		total:   &s.link.counters.tooLarge,
		limit:   "MaxRecipients", most: int64(s.link.cfg.MaxRecipients),
	}
}

// unspooled is the shortage that an error of the spool stands for.
func (s *Session) unspooled(err error) shortage {
	switch {
	case errors.Is(err, spool.ErrFull):
		return s.tooLarge(theBody, "MaxSpool", s.link.cfg.MaxSpool)
	case errors.Is(err, spool.ErrNoRoom):
		return s.noDisk(err)
	default:
		return shortage{verdict: defaultPolicy().failure, total: &s.link.counters.noRoom, limit: "SpoolDir", err: err}
	}
}

// doWithout has the lanes do without a part of the message. Those that may be
// left out of the message are; the first that needs it and may not has the
// message refused, or at the stage Rcpt the recipient. It returns that refusal,
// or Continue.
func (s *Session) doWithout(stage Stage, what contents, why shortage) Verdict {
	why.total.Add(1)
	for i := range s.lanes {
		lane := &s.lanes[i]
		if lane.over || lane.plan.needs&what == 0 {
			continue
		}
		if lane.plan.policy.failOpen || lane.plan.policy.dryRun {
			s.logShortage(lane, "left out", what, why)
			lane.leave(stage)
			lane.drop()
			continue
		}
		s.logShortage(lane, why.verdict.String(), what, why)
		lane.said = why.verdict
		if stage != StageRcpt {
			s.ending.Filter = lane.plan.name
			s.keep(stage, why.verdict)
		}
		return why.verdict
	}
	s.lose(what | s.unneeded())
	return Continue
}

// unneeded returns what no lane needs that still looks at the message.
func (s *Session) unneeded() contents {
	all := theEnvelope | theHeader | theBody | theFields
	for i := range s.lanes {
		if lane := &s.lanes[i]; !lane.over {
			all &^= lane.plan.needs
		}
	}
	return all
}

// uncommitted is the outcome of modifications that could not be entered. A new
// body that found no room is no fault of the lane's, and is said to be what it
// is.
func (s *Session) uncommitted(lane *laneState, err error) outcome {
	out := s.failed(lane, StageEndOfMessage, err)
	if errors.Is(err, spool.ErrNoRoom) {
		why := s.noDisk(err)
		why.total.Add(1)
		if out.failed {
			out.verdict = why.verdict
		}
	}
	return out
}

// logShortage says which limit it was; the logger says which MTA.
func (s *Session) logShortage(lane *laneState, outcome string, what contents, why shortage) {
	s.Logger().Warn(what.String()+" not kept", "filter", lane.plan.name, "outcome", outcome,
		"limit", why.limit, "most", why.most, "error", why.err, "queue", s.QueueID(), "message", s.message)
}
