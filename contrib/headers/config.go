package headers

// Config is a list of rules.
type Config struct {
	// Name is the filter's name, "headers" if empty.
	Name string
	// Rules are tried in order.
	Rules []Rule
	// Macros names the stage of each macro that rules use and the package
	// does not know: connect, helo, mail, rcpt, data, end of headers or end
	// of message.
	Macros map[string]string
	// Metrics is for the program that runs the filter: the address where it
	// shows its metrics. The filter itself makes nothing of it.
	Metrics string
}

// Rule is a list of actions for the messages that a condition holds for.
type Rule struct {
	// Name is for errors, logs and templates; "rule 3" if empty.
	Name string
	// When chooses the messages; nil chooses all.
	When Condition
	// Do is done in order. There is at least one action.
	Do []Action
	// Last has the rules behind this one left out when this one was done.
	Last bool

	at place
}

// Condition is what a rule asks of a message: [All], [Any], [Not], [Client],
// [Authenticated], [Sender], [Recipient], [Helo], [Macro], [Present],
// [Absent], [Matches], [Duplicated], [Malformed] or [Size].
type Condition interface {
	compile(c *compiler) test
}

// Action is what a rule does: [Add], [Insert], [Replace], [Rename], [Delete],
// [Prefix], [Suffix], [Fold], [Unfold], [ReplyTo], [Strip], [Limit], [Reject]
// or [Quarantine].
type Action interface {
	compile(c *compiler) step
}
