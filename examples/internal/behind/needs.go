package behind

import (
	"fmt"
	"strings"

	"github.com/samber/lo"

	"github.com/sluicemail/sluice/contrib/dkim"
	"github.com/sluicemail/sluice/contrib/headers"
	"github.com/sluicemail/sluice/framework"
)

// OfPlan returns what all filters of a plan need, by the calls that asked for it.
func OfPlan(plan *framework.Plan) (list []Need) {
	for _, reason := range plan.Reasons {
		if a := action(reason.Bit); reason.Asked && reason.Filter != "" && a != 0 {
			list = append(list, Need{
				Filter: reason.Filter, Where: reason.Where, What: strings.TrimSuffix(reason.Cause, " (optional)") + " by " + reason.Filter,
				Actions: a, Optional: reason.Optional, Without: "the filter goes on without",
			})
		}
	}
	return list
}

// OfRules returns what the rules of a filter need.
func OfRules(f *headers.Reloadable) []Need {
	return lo.Uniq(lo.Map(f.Permissions(), func(p headers.Permission, _ int) Need {
		return Need{
			Filter: f.Name(), Where: fmt.Sprintf("%s:%d", p.File, p.Line), What: p.Rule + ": " + p.Action, Actions: p.Actions,
			Optional: p.Optional, Without: "the rule is skipped",
		}
	}))
}

// OfDKIM returns what a filter for DKIM needs. where returns the place of a part in the
// configuration.
func OfDKIM(f *dkim.Filter, where func(dkim.Part) string) []Need {
	return lo.Map(f.Permissions(), func(p dkim.Permission, _ int) Need {
		what, without := "signing", "mail is not signed"
		switch p.Part {
		case dkim.PartHolding:
			what = "holding mail"
		case dkim.PartResults:
			what = "writing results"
			without = "results are not written and forged ones not removed, so that no program may trust Authentication-Results"
		}
		return Need{
			Filter: f.Name(), Where: where(p.Part), What: what, Actions: p.Actions, Optional: p.Optional, Without: without,
		}
	})
}
