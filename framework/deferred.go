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

// set keeps what the filters decided at a stage. The first verdict stands.
func (d *deferred) set(stage Stage, out outcome) {
	if !d.is() {
		perSession := stage == StageConnect || stage == StageHelo
		*d = deferred{verdict: out.verdict, filter: out.filter, perSession: perSession}
	}
}

// is reports whether there is a deferred verdict.
func (d *deferred) is() bool { return d.verdict.ends() }

// endMessage drops a verdict about the message.
func (d *deferred) endMessage() {
	if !d.perSession {
		*d = deferred{}
	}
}

// endSession drops the verdict.
func (d *deferred) endSession() { *d = deferred{} }
