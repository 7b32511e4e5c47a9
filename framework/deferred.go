package framework

// deferred is a final verdict that was given when the MTA was not waiting for an answer.
// It holds until the message ends, or until the session ends if it was given at Connect
// or Helo. The MTA receives it at the next stage that answers. The zero value is no
// verdict.
type deferred struct {
	verdict    Verdict
	filter     string // that gave it
	perSession bool
}

// set keeps a verdict that was given at a stage. The first one stands.
func (d *deferred) set(stage Stage, v Verdict, filter string) {
	if !d.is() {
		*d = deferred{verdict: v, filter: filter, perSession: stage == StageConnect || stage == StageHelo}
	}
}

// is reports whether there is a deferred verdict.
func (d *deferred) is() bool { return d.verdict.kind != kindContinue }

// endMessage drops a verdict about the message.
func (d *deferred) endMessage() {
	if !d.perSession {
		*d = deferred{}
	}
}
