package framework

// Filter is a set of handlers that can be mounted on any router. Reusable filters,
// such as those in contrib, implement it.
type Filter interface {
	// Name is the filter's name in logs, metrics and the plan. It is unique among
	// the filters of a router.
	Name() string
	// Register registers the filter's handlers. It is called once for every
	// router that the filter is mounted on. Therefore, keep grants, macros and
	// slots in variables of Register, or in a value that Register creates, and
	// not in fields of the filter.
	Register(r *Router) error
}

// Mount adds a filter in a separate lane. The filters of a router behave like milters
// in the MTA's list, in the order in which they were mounted. The handlers that are
// registered on the router itself come first.
//
//   - Accept ends the filter's part in the message.
//   - The first refusal, or Discard, decides for all; later filters do not see the
//     message any more. A recipient that one filter refuses is hidden from the later
//     ones.
//   - A filter sees the message as the earlier filters leave it. If an earlier filter
//     may change the header or the body, the later filter's handlers of header and
//     body run right before its end of message.
//
// A handler's error or panic becomes the filter's policy verdict: see [FailClosed] and
// [FailOpen]. At a stage that does not answer, the verdict is kept and given at the
// next stage that does.
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
	sub := &scope{reg: r.reg, layers: r.layers}
	sub.addLane(name, opts)
	if err := f.Register(newRouter(sub)); err != nil {
		sub.mistake("Register failed: %w", err)
	}
}
