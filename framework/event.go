package framework

// Event is what a handler is told: a pointer to [Connect], [Helo], [Mail],
// [Rcpt], [RejectedRcpt], [Data], [Header], [EndOfHeaders], [Body],
// [EndOfMessage], [Unknown], [Abort] or [Close].
//
// An event belongs to the session and is valid during the call. The strings
// that its methods return may be kept; a body chunk may not.
type Event interface {
	// Stage tells which event it is. A refused recipient is of StageRcpt.
	Stage() Stage
	sealed()
}

// Data is the event of [StageData]: the client is about to send the message.
type Data struct{}

// Stage implements [Event].
func (*Data) Stage() Stage { return StageData }
func (*Data) sealed()      {}

// EndOfHeaders is the event of [StageEndOfHeaders]: all header fields were
// shown.
type EndOfHeaders struct{}

// Stage implements [Event].
func (*EndOfHeaders) Stage() Stage { return StageEndOfHeaders }
func (*EndOfHeaders) sealed()      {}

// EndOfMessage is the event of [StageEndOfMessage]: the whole message was
// shown, and its fate is to be decided. What filters mounted before asked to
// modify is in force for this one.
type EndOfMessage struct{}

// Stage implements [Event].
func (*EndOfMessage) Stage() Stage { return StageEndOfMessage }
func (*EndOfMessage) sealed()      {}

// Abort is the event of [StageAbort]: the message ended otherwise than by this
// filter: the client gave it up, another filter or the MTA refused it, or the
// connection broke. A filter that began a message sees its own last verdict,
// its end of message, or Abort, and just one of them.
type Abort struct{}

// Stage implements [Event].
func (*Abort) Stage() Stage { return StageAbort }
func (*Abort) sealed()      {}

// Close is the event of [StageClose]: the SMTP session is over. It comes once
// for every session, after the Abort of a message that was under way.
type Close struct{}

// Stage implements [Event].
func (*Close) Stage() Stage { return StageClose }
func (*Close) sealed()      {}

// Unknown is the event of [StageUnknown]: an SMTP command that the MTA does
// not know.
type Unknown struct{ line []byte }

// Line returns the command as the client sent it.
func (e *Unknown) Line() string { return string(e.line) }

// Stage implements [Event].
func (*Unknown) Stage() Stage { return StageUnknown }
func (*Unknown) sealed()      {}

// Helo is the event of [StageHelo].
type Helo struct{ name []byte }

// Name returns the name that the client gave itself. Nothing says that it is
// true.
func (e *Helo) Name() string { return string(e.name) }

// Stage implements [Event].
func (*Helo) Stage() Stage { return StageHelo }
func (*Helo) sealed()      {}

// Body is the event of [StageBody]: a piece of the body. A line, and even a
// CRLF, may be cut between two pieces.
type Body struct{ chunk []byte }

// Chunk returns the piece, with lines ended by CRLF. It is borrowed: it must
// not be changed, nor kept after the handler returned.
func (e *Body) Chunk() []byte { return e.chunk }

// Stage implements [Event].
func (*Body) Stage() Stage { return StageBody }
func (*Body) sealed()      {}
