package miltertest

import "github.com/sluicemail/sluice/framework"

// Check is a subtest of TestFilter.
type Check struct {
	Name string
	Run  func(t T)
}

// Checks returns the subtests of TestFilter, so that a test can run one that
// fails.
func Checks(filter framework.Filter, opts ...Option) (list []Check) {
	s := newSuite(filter, opts)
	list = append(list, Check{"same answers", func(t T) { s.deterministic(t) }})
	for _, c := range s.checks() {
		list = append(list, Check{c.name, c.run})
	}
	return list
}
