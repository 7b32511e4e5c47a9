package framework

// LaneOption sets how a filter's failures and verdicts are treated.
type LaneOption func(*policy)

// FailClosed makes a handler's error or panic refuse the message with the reply
// 451 4.3.0. It is the default.
func FailClosed() LaneOption { return FailWith(failureVerdict()) }

// FailWith is like [FailClosed] with another verdict, which must be one that refuses.
func FailWith(v Verdict) LaneOption {
	return func(p *policy) { p.failOpen, p.failure = false, v }
}

// FailOpen makes a handler's error or panic end the filter's part in the message, as
// if the filter were not there: what it asked to modify is dropped, and the other
// filters go on.
func FailOpen() LaneOption { return func(p *policy) { p.failOpen = true } }

// DryRun logs what a filter decides and would modify, and applies none of it.
func DryRun() LaneOption { return func(p *policy) { p.dryRun = true } }

// policy is how a lane's failures and verdicts are treated.
type policy struct {
	failOpen bool
	dryRun   bool
	failure  Verdict
}

// canDoWithout reports whether a message may go on without the lane.
func (p *policy) canDoWithout() bool { return p.failOpen || p.dryRun }
