package dkim

import "github.com/sluicemail/sluice/framework"

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
