package framework

// settled is the verdict that the MTA received as the last about a message or about the
// SMTP session. Some MTAs take an Accept for Continue, and go on. settled then answers what
// they still send, because the filters are done with it. The zero value is no verdict.
//
// It holds for a message until MAIL, HELO, an abort or the end of the session. For a session
// it holds until HELO, or until the next session if it is a refusal at Connect. The end of a
// message settles nothing: what follows without MAIL may be another message.
type settled struct {
	verdict    Verdict
	filter     string // that gave it
	stage      Stage  // at which the MTA received it
	perSession bool
	logged     bool
}

// is reports whether there is a verdict.
func (t *settled) is() bool { return t.verdict.kind != kindContinue }

// answers reports whether the verdict answers an event of the stage.
func (t *settled) answers(stage Stage) bool {
	refused := t.perSession && t.verdict.Refuses()
	switch {
	case stage == StageHelo: // a client may correct its HELO
		return refused && t.stage == StageConnect
	case stage == StageMail:
		return refused
	case t.stage == StageData && t.verdict.Refuses(): // the message is still open: see resumes
		return stage > StageData
	}
	return t.is()
}

// endMessage drops a verdict about a message.
func (t *settled) endMessage() {
	if !t.perSession {
		*t = settled{}
	}
}
