package tape

// Session identifies a session. Epoch is in nanoseconds since 1970: the times of the
// record count from it.
type Session struct {
	Epoch    int64
	ID, Peer string
}

// ID is what a recorder added to a record.
type ID struct {
	Time uint64 // in nanoseconds since 1970, different for each record of a process
	Tag  uint16 // of the process
	// Content, Shortened and Kept are those of package record.
	Content, Kept byte
	Shortened     bool
}

// Frame is a frame of the conversation. Size is its length on the wire, or what is left of it
// in a shortened record. Data is nil if it was not recorded.
type Frame struct {
	Code byte
	Size int
	Data []byte
}

// Call is calls of one filter at one stage: how many, and how long they took together
// and at most.
type Call struct {
	Filter                int
	Stage                 byte
	Count, Total, Longest uint64
}

// Decision is a verdict: the kind as the framework numbers it, and the code and text of a
// reply.
type Decision struct {
	Kind byte
	Code int
	Text string
}

// Verdict is a verdict of a filter, or of the server if Filter is -1.
type Verdict struct {
	Filter         int
	Stage          byte
	Failed, DryRun bool // the policy's, after a failure; not applied
	Decision
}

// Failure is an error of a filter, or of other code if Filter is -1.
type Failure struct {
	Filter int
	Stage  byte
	Text   string
}

// Edit is a modification that a filter asked for.
type Edit struct {
	Filter int
	Kind   byte // as the framework numbers it
	Place  byte // of a new field, as the framework numbers it
	Above  int  // of a new field at a counted place, or the number of an old one among its name
	// HasOld tells that OldName and OldValue are those of a field. WithValue tells that
	// the values were recorded.
	HasOld, WithValue bool
	OldName, OldValue string
	// Name and Value are those of a new field, an address and its arguments, or the
	// reason of a quarantine as the value.
	Name, Value string
}

// Field is a field of the header as a filter left it.
type Field struct {
	Filter      int
	Name, Value string
}

// Body is the body as a filter left it. It has Size bytes, of which Data were recorded.
type Body struct {
	Filter int
	Size   int64
	Data   []byte
}

// Note is something that a filter told.
type Note struct {
	Began, Took       uint64
	Filter            int // or -1
	Kind, Text, Error string
}
