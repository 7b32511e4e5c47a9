package headers

import "go.yaml.in/yaml/v4"

// Config configures a filter.
type Config struct {
	// Name is the name of the filter. It defaults to "headers".
	Name string
	// Rules are applied in order.
	Rules []Rule
	// Macros maps the name of a macro to the stage at which the MTA sends
	// it: connect, helo, mail, rcpt, data, end of headers or end of
	// message. It must list the macros that rules use and this package does
	// not know.
	Macros map[string]string
	// Metrics is the address at which the program that runs the filter
	// serves its metrics. The filter ignores it.
	Metrics string
	// Inspect is the section inspect of the file, for the program that runs the
	// filter. It is nil if the file has none. The filter ignores it.
	Inspect *yaml.Node

	at place
}

// Rule is a list of actions for the messages that meet a condition.
type Rule struct {
	// Name appears in errors, logs and templates. It defaults to the rule's
	// number, as in "rule 3".
	Name string
	// When selects the messages. Nil selects all messages.
	When Condition
	// Do lists the actions, which run in order. At least one is required.
	Do []Action
	// Last skips the rules after this one if this rule's condition holds.
	Last bool
	// Optional makes the permissions that the actions need a wish. If the MTA does not
	// grant all of them, the rule is skipped with its actions and Last, as if it were not
	// there, and a line in the log says so once for each connection. Without Optional the
	// filter cannot work behind such an MTA: see [framework.Optional].
	//
	// Do not make a rule optional that removes what a sender may have forged and a reader
	// trusts: behind an MTA that does not grant the removal, the forgery arrives. An
	// optional rule with [StripAuthResults] is a mistake.
	Optional bool

	at place
}

// Condition is a condition of a [Rule]: [All], [Any], [Not], [Client],
// [Authenticated], [Sender], [Recipient], [Helo], [Macro], [Present],
// [Absent], [Matches], [Addresses], [Equal], [Duplicated], [Malformed], [Size],
// [Part] or [UnreadableParts].
type Condition interface {
	compile(c *compiler) test
}

// Action is an action of a [Rule]: [Add], [Insert], [Replace], [Rename],
// [Delete], [Prefix], [Suffix], [Fold], [Unfold], [Join], [ReplyTo], [Strip],
// [StripAuthResults], [Limit], [Reject] or [Quarantine].
type Action interface {
	compile(c *compiler) step
}
