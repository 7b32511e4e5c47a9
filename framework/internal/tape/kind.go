package tape

// Kind is what an entry tells.
type Kind byte

// The kinds of entries. Their values are part of the format.
const (
	KindID      Kind = 'I' // what the recorder added: see ID
	KindSession Kind = 'S' // see Session
	KindFilter  Kind = 'F' // a mounted filter: its name and a flag for a dry run
	KindOnly    Kind = 'O' // bits of SMFIP_NO… of stages that no filter needs
	KindTime    Kind = 'T' // the time of the entries that follow
	KindCommand Kind = 'C' // a frame of the MTA: its code and data
	KindReply   Kind = 'R' // a frame of the filters: its code and data
	KindAgain   Kind = '=' // the MTA sent its last macros again; it has no length and no payload
	KindCall    Kind = 'L' // calls of one filter at one stage: see Call
	KindVerdict Kind = 'V' // a filter's verdict: see Verdict
	KindError   Kind = 'X' // a filter's error: see Failure
	KindEdit    Kind = 'M' // a modification that a filter asked for: see Edit
	KindField   Kind = 'H' // a field of the header as a filter left it: see Field
	KindBody    Kind = 'B' // the body as a filter left it: see Body
	KindApplied Kind = 'P' // a filter's modifications were applied: its number
	KindMissing Kind = 'G' // edits of a filter are missing: its number
	KindAttr    Kind = 'A' // an attribute of the log lines: key and value
	KindNote    Kind = 'N' // see Note
	KindEnd     Kind = 'Z' // see End

	KindCommandSize Kind = 'c' // a frame of the MTA without its data: its code and size
	KindReplySize   Kind = 'r' // a frame of the filters without its data: its code and size
)

// The states of an End.
const (
	StateAccepted    byte = 'a'
	StateRejected    byte = 'r'
	StateDeferred    byte = 'd'
	StateDiscarded   byte = 'x'
	StateQuarantined byte = 'q'
	StateAborted     byte = 'b'
	StateRefused     byte = 'c'
)

// The stages that a writer must know. All are numbered as the framework does: those before
// StageMail belong to the session.
const (
	StageMail         byte = 2
	StageRcpt         byte = 3
	StageEndOfMessage byte = 8
	StageUnknown      byte = 11
)
