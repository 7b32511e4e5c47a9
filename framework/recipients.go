package framework

import (
	"slices"

	"github.com/sluicemail/sluice/framework/internal/address"
	"github.com/sluicemail/sluice/wire"
)

// recipients are the changes that the filters so far made to a message's recipients.
type recipients struct {
	added   []addedRcpt
	deleted []string // as the client spelled them
	known   map[string]*rcptState
	twice   int // additions of what the same filter had added
}

type addedRcpt struct {
	addr, args string
	par        bool // by SMFIR_ADDRCPT_PAR
}

// rcptState is the state of an address that occurs in the message or in an edit.
type rcptState struct {
	spelled []string   // as the client spelled it
	is      bool       // a recipient, with the edits so far
	addedBy *laneState // or nil
	deleted bool       // among the deletions
}

// asNamed reports whether the address is a recipient because the client named it.
func (st *rcptState) asNamed() bool { return !st.deleted && st.addedBy == nil }

// state returns the state of an address. kept are the recipients that the MTA sent.
func (r *recipients) state(addr string, kept []string) *rcptState {
	if r.known == nil {
		r.known = make(map[string]*rcptState, len(kept))
		for _, spelled := range kept {
			st := r.of(spelled)
			st.is, st.spelled = true, append(st.spelled, spelled)
		}
	}
	return r.of(addr)
}

func (r *recipients) of(addr string) *rcptState {
	key := address.Key(addr)
	st, ok := r.known[key]
	if !ok {
		st = new(rcptState)
		r.known[key] = st
	}
	return st
}

// add adds a recipient, unless a filter has added it. A recipient that the client named is
// added, too: another milter may have refused it after the framework saw it, and the MTA
// does not tell. The recipient is deleted first, if the MTA allows that: otherwise Postfix
// delivers twice to a recipient that was not refused. The spelling remains the client's, by
// which Sendmail recognizes a recipient that it has.
func (r *recipients) add(by *laneState, rcpt addedRcpt, kept []string, canDelete bool) {
	st := r.state(rcpt.addr, kept)
	if st.addedBy != nil {
		if st.addedBy == by {
			r.twice++
		}
		return
	}
	if st.is {
		rcpt.addr = st.spelled[0]
		if canDelete {
			r.markDeleted(st, rcpt.addr)
		}
	}
	st.is, st.addedBy = true, by
	r.added = append(r.added, rcpt)
}

// remove deletes a recipient, which a filter may have added. An address that is not known
// to be a recipient is deleted, too: the MTA may know more.
func (r *recipients) remove(addr string, kept []string) {
	st := r.state(addr, kept)
	if st.addedBy != nil {
		key := address.Key(addr)
		r.added = slices.DeleteFunc(r.added, func(a addedRcpt) bool { return address.Key(a.addr) == key })
	}
	st.is, st.addedBy = false, nil
	r.markDeleted(st, addr)
}

// markDeleted adds an address to the deletions, as the client spelled it.
func (r *recipients) markDeleted(st *rcptState, addr string) {
	if st.deleted {
		return
	}
	st.deleted = true
	if len(st.spelled) == 0 {
		r.deleted = append(r.deleted, addr)
	}
	r.deleted = append(r.deleted, st.spelled...)
}

// list returns the recipients with the edits so far, without angle brackets.
func (r *recipients) list(kept []string) []string {
	list := make([]string, 0, len(kept)+len(r.added))
	for _, addr := range kept {
		if r.clean() || r.state(addr, kept).asNamed() {
			list = append(list, address.Bare(addr))
		}
	}
	for _, a := range r.added {
		list = append(list, address.Bare(a.addr))
	}
	return list
}

// encode appends the changes. The deletions come first, so that a recipient can be added
// again.
func (r *recipients) encode(dst []byte) (out []byte, err error) {
	out = dst
	for _, addr := range r.deleted {
		m := wire.DelRcpt{Recipient: addr}
		if out, err = m.Encode(out); err != nil {
			return dst, err
		}
	}
	for _, a := range r.added {
		if out, err = a.encode(out); err != nil {
			return dst, err
		}
	}
	return out, nil
}

func (a *addedRcpt) encode(dst []byte) ([]byte, error) {
	if a.par {
		m := wire.AddRcptPar{Recipient: a.addr, Args: a.args}
		return m.Encode(dst)
	}
	m := wire.AddRcpt{Recipient: a.addr}
	return m.Encode(dst)
}

// count counts the changes as they are sent.
func (r *recipients) count(counts *[numEditKinds]int) {
	counts[editDelRcpt] = len(r.deleted)
	for i := range r.added {
		if r.added[i].par {
			counts[editAddRcptPar]++
		} else {
			counts[editAddRcpt]++
		}
	}
}

// clean reports whether there is nothing to send.
func (r *recipients) clean() bool { return len(r.added) == 0 && len(r.deleted) == 0 }

// reset drops the changes and keeps some memory of the lists.
func (r *recipients) reset() {
	*r = recipients{added: truncated(r.added), deleted: truncated(r.deleted)}
}
