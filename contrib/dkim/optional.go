package dkim

import (
	"github.com/sluicemail/sluice/framework"
	"github.com/sluicemail/sluice/wire"
)

// Permission is something that a part of the filter needs the MTA to allow.
type Permission struct {
	Part    Part
	Actions wire.Actions
	// Optional reports whether the filter works without.
	Optional bool
}

// Part is a part of what the filter does.
type Part string

// The parts.
const (
	PartSigning Part = "signing"    // adding signatures
	PartResults Part = "results"    // writing results, and removing forged ones
	PartHolding Part = "quarantine" // holding mail because of a policy
)

// Permissions returns what the filter needs the MTA to allow.
func (f *Filter) Permissions() (list []Permission) {
	if f.signs {
		list = append(list, Permission{PartSigning, wire.ActionAddHdrs, f.optional.signing})
	}
	if f.writes {
		list = append(list, Permission{PartResults, wire.ActionAddHdrs | wire.ActionChgHdrs, f.optional.results})
	}
	if f.quarantines {
		list = append(list, Permission{PartHolding, wire.ActionQuarantine, false})
	}
	return list
}

// wishes are the parts of the filter that need not be possible behind each MTA.
type wishes struct{ signing, results bool }

// optional returns the options of a grant.
func optional(wish bool) []framework.GrantOption {
	if !wish {
		return nil
	}
	return []framework.GrantOption{framework.Optional()}
}

// maySignHere reports whether the MTA lets the filter add signatures.
func (h *handlers) maySignHere(s *framework.Session) bool {
	if h.add.Granted(s) {
		return true
	}
	tellOnce(s, &h.client.Get(s).told.signing, "not signed: the MTA does not allow adding fields")
	return false
}

// mayWrite reports whether the filter writes its results and removes forged ones. It does
// neither unless the MTA allows both: readers could not tell a field of the filter from a
// forged one.
func (h *handlers) mayWrite(s *framework.Session) bool {
	if !h.filter.writes {
		return false
	}
	if h.add.Granted(s) && h.remove.Granted(s) {
		return true
	}
	tellOnce(s, &h.client.Get(s).told.results, "results not written, forged ones not removed: the MTA does not allow changing fields")
	return false
}

// tellOnce logs once for each connection what the filter does not do.
func tellOnce(s *framework.Session, told *bool, what string) {
	if !*told {
		*told = true
		s.BoundedLogger(nil).Info(what)
	}
}
