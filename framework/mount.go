package framework

// Filter is a set of handlers that can be mounted on any router: what contrib
// packages and reusable filters are.
type Filter interface {
	// Name is what logs, metrics and the plan call the filter. It is
	// unique among the filters of a router.
	Name() string
	// Register registers the filter's handlers. It is called once for
	// every router that the filter is mounted on: grants, macros and slots
	// belong in variables of Register, or in a value that it makes, and not
	// in fields of the filter.
	Register(r *Router) error
}

// LaneOption changes how a lane treats its own failures and verdicts.
type LaneOption func(*policy)

// policy is what becomes of a lane's failures and verdicts.
type policy struct {
	failOpen bool
	dryRun   bool
	failure  Verdict
}

func defaultPolicy() policy {
	return policy{failure: MustReply(451, "4.3.0", "mail filter failed, try again later")}
}

// FailClosed makes a handler's error or panic refuse the message with the reply
// 451 4.3.0. It is the default.
func FailClosed() LaneOption { return FailWith(defaultPolicy().failure) }

// FailWith is like [FailClosed] with another verdict, which must be one that
// refuses.
func FailWith(v Verdict) LaneOption {
	return func(p *policy) { p.failOpen, p.failure = false, v }
}

// FailOpen makes a handler's error or panic end the lane's part in the
// message, as if the filter were not there: what it asked to modify is
// dropped, and the other lanes go on.
func FailOpen() LaneOption { return func(p *policy) { p.failOpen = true } }

// DryRun logs what a lane decides and would modify, and does none of it.
func DryRun() LaneOption { return func(p *policy) { p.dryRun = true } }

// Mount puts a filter in a lane of its own. The lanes are a list of milters in
// one process, in mount order; the handlers registered on the router itself
// are the first:
//
//   - Accept ends the lane's part in the message.
//   - The first refusal, or Discard, is the last word for all; later lanes do
//     not see the message any more. A recipient refused by one lane is hidden
//     from the later ones.
//   - A lane sees the message as the earlier lanes leave it. Where an earlier
//     lane may change the header or the body that a lane looks at, that lane
//     is shown them right before its end of message.
//
// A handler's error or panic becomes the lane's policy verdict: see
// [FailClosed] and [FailOpen]. On a stage that does not answer, it is kept and
// given at the next one that does.
func (r *Router) Mount(f Filter, opts ...LaneOption) {
	r.reg.mustBeOpen()
	r.used = true
	if f == nil {
		r.mistake("Mount without a filter")
		return
	}
	name := f.Name()
	if name == "" {
		r.mistake("Mount of a filter without a name")
	}
	sub := &Router{reg: r.reg, mws: r.mws}
	sub.addLane(name, opts)
	if err := f.Register(sub); err != nil {
		sub.mistake("Register failed: %w", err)
	}
}
