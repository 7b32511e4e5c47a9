package record

import "time"

// Content says how much of a message's content a record has.
type Content string

// The values of [Content].
const (
	// ContentNone: no header and no body. The sizes of the frames are known.
	ContentNone Content = "none"
	// ContentHeader: the header, but not the body.
	ContentHeader Content = "header"
	// ContentAll: the header and the body, as far as the MTA sent them to the filters.
	ContentAll Content = "all"
)

// Message is the record of one message, or of a session that ended without one.
type Message struct {
	Summary

	// Shortened reports whether the local parts of addresses are hidden.
	Shortened bool `json:"shortened,omitempty"`
	// Content says how much of the content was recorded, and Cut whether the record
	// exceeded the limit for one message, so that frames or bodies are missing.
	Content Content `json:"content"`
	Cut     bool    `json:"cut,omitempty"`

	// OnlyRecorded are the protocol bits of the stages that the MTA sent though no filter
	// needed them, such as SMFIP_NOCONNECT.
	OnlyRecorded []string `json:"only_recorded,omitempty"`
	// Macros are the macros that the MTA sent last at each stage.
	Macros []Macro `json:"macros,omitempty"`
	// Attributes are what filters and middleware added with Session.Annotate.
	Attributes []Attribute `json:"attributes,omitempty"`
	// Stages is the time line: one entry for each stage that came, in order.
	Stages []Stage `json:"stages"`
	// Filters are the mounted filters, in their order.
	Filters []Filter `json:"filters"`
	// Frames are the frames in both directions, in order.
	Frames []Frame `json:"frames"`
	// Notes are what filters told besides, such as DNS look-ups.
	Notes []Note `json:"notes,omitempty"`

	// Header and Body are the content as the MTA sent it to the filters. BodySize is the
	// size in bytes of the body that the MTA sent, even if Body does not have it.
	Header   []Field `json:"header,omitempty"`
	Body     []byte  `json:"body,omitempty"`
	BodySize int64   `json:"body_size"`
}

// Summary is what a list shows of a record.
type Summary struct {
	// ID identifies the record. Later records have greater IDs, in the order of strings.
	ID string `json:"id"`
	// Session is the identifier of the SMTP session, and Number the number of the message
	// on the connection, from 1. Number is 0 for a session without a message.
	Session string `json:"session"`
	Number  uint64 `json:"number,omitempty"`
	// QueueID is the MTA's identifier of the message, or "".
	QueueID string `json:"queue_id,omitempty"`

	Began time.Time `json:"began"`
	// Took is the time from the first command to the end, Working the part of it in
	// which filters ran, in nanoseconds.
	Took    time.Duration `json:"took_ns"`
	Working time.Duration `json:"working_ns"`

	// MTA is the peer's address, and Software what the MTA calls itself (macro v).
	MTA      string `json:"mta"`
	Software string `json:"software,omitempty"`
	Client   Client `json:"client"`

	Sender     string      `json:"sender,omitempty"`
	Recipients []Recipient `json:"recipients,omitempty"`
	// Subject is the decoded subject, if the header was recorded.
	Subject string `json:"subject,omitempty"`

	Outcome Outcome `json:"outcome"`
	// Kept says why the record was kept: see [Kept].
	Kept Kept `json:"kept"`
	// EditedBy are the filters whose modifications were applied.
	EditedBy []string `json:"edited_by,omitempty"`
	// FailedIn are the filters that failed.
	FailedIn []string `json:"failed_in,omitempty"`
	// Slowest is the filter that took longest, and SlowestWork how long it worked.
	Slowest     string        `json:"slowest,omitempty"`
	SlowestWork time.Duration `json:"slowest_ns,omitempty"`
}

// Kept is why sampling kept a record.
type Kept string

// The values of [Kept]: the share of sampling; that the message, one of its recipients or the
// client was refused, or the message discarded or held; that a filter failed; or that filters
// worked for long.
const (
	KeptSampled Kept = "sampled"
	KeptRefused Kept = "refused"
	KeptFailed  Kept = "failed"
	KeptSlow    Kept = "slow"
)

// Client is the SMTP client.
type Client struct {
	Addr string `json:"addr,omitempty"`
	Name string `json:"name,omitempty"`
	Helo string `json:"helo,omitempty"`
	// User is the name with which the client authenticated (macro {auth_authen}).
	User string `json:"user,omitempty"`
}

// Recipient is one recipient, and who refused it.
type Recipient struct {
	Address string   `json:"address"`
	Args    []string `json:"args,omitempty"`
	// Refusal is the verdict that refused the recipient, or nil.
	Refusal *Verdict `json:"refusal,omitempty"`
	// ByMTA reports whether the MTA had refused it before the filters saw it.
	ByMTA bool `json:"by_mta,omitempty"`
}

// State is how a message ended.
type State string

// The values of [State].
const (
	StateAccepted    State = "accepted"
	StateRejected    State = "rejected"    // 5yz
	StateDeferred    State = "deferred"    // 4yz
	StateDiscarded   State = "discarded"   // accepted and dropped
	StateQuarantined State = "quarantined" // accepted and held
	StateAborted     State = "aborted"     // it ended without a verdict
	StateRefused     State = "refused"     // the client, at Connect or Helo
)

// Outcome is how a message ended for the MTA.
type Outcome struct {
	State State `json:"state"`
	// Verdict is the last verdict that the MTA received.
	Verdict Verdict `json:"verdict"`
	// Failed reports whether the verdict is that of the policy after a failure.
	Failed bool `json:"failed,omitempty"`
	// Quarantine is the reason of a quarantine.
	Quarantine string `json:"quarantine,omitempty"`
}

// Verdict is a decision, and where it was made.
type Verdict struct {
	// Kind is the kind as in the logs: continue, accept, reject, tempfail, discard, reply,
	// skip.
	Kind string `json:"kind"`
	// Code is the SMTP reply code, and Text the text of the reply without the code, if the
	// verdict has them. The lines of a text are separated by LF.
	Code int    `json:"code,omitempty"`
	Text string `json:"text,omitempty"`
	// Stage is the stage of the verdict, and Filter the filter that gave it.
	Stage  string `json:"stage,omitempty"`
	Filter string `json:"filter,omitempty"`
}

// Stage is a stage of the time line. Header fields and chunks of the body are one stage
// each.
type Stage struct {
	Name string `json:"name"`
	// Earlier reports whether the stage came before the message began: the CONNECT and HELO
	// of the session. Its times are not part of the message's: At is 0, and Working
	// tells how long filters worked then.
	Earlier bool `json:"earlier,omitempty"`
	// At is when the stage began, since Summary.Began.
	At time.Duration `json:"at_ns"`
	// Waiting is how long the filters waited for the MTA before and during the stage, and
	// Working how long they ran.
	Waiting time.Duration `json:"waiting_ns"`
	Working time.Duration `json:"working_ns"`
	// Frames is the number of the MTA's commands of the stage.
	Frames int `json:"frames"`
	// Calls are what each filter did at the stage, in order.
	Calls []Call `json:"calls,omitempty"`
	// Reply is the last reply of the stage, in words, or "" if the MTA waited for none.
	Reply string `json:"reply,omitempty"`
}

// Call is what one filter did at one stage.
type Call struct {
	// Filter is the name of the filter, or "" for code of no filter, which is here only if it failed.
	Filter string `json:"filter"`
	// Count is how often handlers were called, Working how long they took together, and
	// Longest the longest of these times. Calls between which the session did not wait for the
	// MTA or call another filter are timed together, and count as one for Longest.
	Count   int           `json:"count"`
	Working time.Duration `json:"working_ns"`
	Longest time.Duration `json:"longest_ns"`
	// Verdict is the last verdict other than continue, or nil.
	Verdict *Verdict `json:"verdict,omitempty"`
	// Error is the text of a handler's error.
	Error string `json:"error,omitempty"`
}

// Filter is what one filter did to the message.
type Filter struct {
	Name    string  `json:"name"`
	Verdict Verdict `json:"verdict"`
	Called  bool    `json:"called"`
	Failed  bool    `json:"failed,omitempty"`
	DryRun  bool    `json:"dry_run,omitempty"`
	// Working is how long its handlers took.
	Working time.Duration `json:"working_ns"`
	// Edits are the modifications that it asked for. Applied reports whether they were
	// applied to the message for the later filters.
	Edits   []Edit `json:"edits,omitempty"`
	Applied bool   `json:"applied,omitempty"`
	// Incomplete reports whether edits are missing because the memory was used up.
	Incomplete bool `json:"incomplete,omitempty"`
	// Header is the header as the filter left it, if it changed it. NewBody is the body
	// as the filter left it, if it replaced it. NewBodySize is the size, recorded or not.
	Header      []Field `json:"header,omitempty"`
	Replaced    bool    `json:"replaced,omitempty"`
	NewBody     []byte  `json:"new_body,omitempty"`
	NewBodySize int64   `json:"new_body_size,omitempty"`
}

// Edit is one modification: see framework.Modification.
type Edit struct {
	Kind    string `json:"kind"`
	Old     *Field `json:"old,omitempty"`
	New     *Field `json:"new,omitempty"`
	Above   int    `json:"above,omitempty"`
	Address string `json:"address,omitempty"`
	Args    string `json:"args,omitempty"`
	Reason  string `json:"reason,omitempty"`
	Prepend bool   `json:"prepend,omitempty"`
}

// Field is a header field. Value is the text behind the colon as on the wire, with line
// ends as LF, or not recorded if Content is [ContentNone].
type Field struct {
	Name  string `json:"name"`
	Value string `json:"value"`
}

// Macro is a macro that the MTA sent.
type Macro struct {
	Stage string `json:"stage"`
	Name  string `json:"name"`
	Value string `json:"value"`
}

// Attribute is an attribute of the message's log lines.
type Attribute struct {
	Key   string `json:"key"`
	Value string `json:"value"`
}

// Frame is a frame of the conversation.
type Frame struct {
	// At is when it was received or sent, since Summary.Began.
	At time.Duration `json:"at_ns"`
	// FromMTA tells the direction.
	FromMTA bool `json:"from_mta"`
	// Text shows the frame in words, like a wire.Tracer does. Long values are cut.
	Text string `json:"text"`
	// Size is the length of the frame on the wire.
	Size int `json:"size"`
	// Code and Data are the frame. Data is nil if it was not recorded.
	Code byte   `json:"-"`
	Data []byte `json:"-"`
}

// Note is something that a filter told besides, such as a DNS look-up.
type Note struct {
	At   time.Duration `json:"at_ns"`
	Took time.Duration `json:"took_ns"`
	// Filter is the filter whose handler told it, or "" if it is not known.
	Filter string `json:"filter,omitempty"`
	// Kind is the kind of the note, such as dns or async.
	Kind string `json:"kind"`
	Text string `json:"text"`
	// Error is why it failed, or "".
	Error string `json:"error,omitempty"`
}
