package config

import (
	"fmt"

	"github.com/samber/lo"

	"github.com/sluicemail/sluice/contrib/dkim"
	"github.com/sluicemail/sluice/examples/internal/behind"
	"github.com/sluicemail/sluice/framework"
)

// Needs returns what the filters need of the mail server, with their places in the file.
func (f *Filters) Needs() (list []behind.Need, err error) {
	for i, l := range f.started.lanes {
		where := fmt.Sprintf("%s:%d", f.started.Path, l.Line)
		switch one := f.list[i].(type) {
		case *headersFilter:
			list = append(list, behind.OfRules(one.Reloadable)...)
		case *signFilter:
			list = append(list, behind.OfDKIM(one.Filter, func(dkim.Part) string { return where })...)
		default:
			mounted, err := mounted(one)
			if err != nil {
				return nil, err
			}
			list = append(list, located(mounted, l.part.kind(), where)...)
		}
	}
	return list, nil
}

// mounted returns the plan of one filter of the file, which may be several of the plan.
func mounted(one filter) (*framework.Plan, error) {
	r := framework.NewRouter()
	one.mount(r)
	if last, ok := one.(interface {
		mountLast(r *framework.Router, opts ...framework.LaneOption)
	}); ok {
		last.mountLast(r)
	}
	return r.Plan()
}

// located returns what the filters of a plan need, at one place of the file.
func located(plan *framework.Plan, kind, where string) (list []behind.Need) {
	for _, n := range behind.OfPlan(plan) {
		n.Where, n.What = where, kind
		if n.Filter != kind {
			n.What += " (" + n.Filter + ")"
		}
		if kind == (*remotePart)(nil).kind() {
			n.Without = "if the milter does not do without, the filter fails"
		}
		list = append(list, n)
	}
	return lo.Uniq(list)
}
