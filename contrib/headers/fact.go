package headers

import (
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"text/template/parse"
	"time"

	"github.com/sluicemail/sluice/framework/message"
)

// fact compiles a fact and requests the data that it needs from the MTA.
func (c *compiler) fact(f *parse.FieldNode, args []parse.Node) (expr, error) {
	name := strings.Join(f.Ident, ".")
	if exampleOf(name) != "" {
		return c.factOf(name, args)
	}
	if !slices.Contains(factNames(), "."+name) {
		return nil, fmt.Errorf("unknown fact .%.60s%s; the facts are %s", name, didYouMean("."+name, factNames()), strings.Join(factNames(), ", "))
	}
	if len(args) > 0 {
		return nil, fmt.Errorf(".%s takes no argument", name)
	}
	switch name {
	case "Auth":
		return c.macroFact("auth_authen")
	case "QueueID":
		return c.macroFact("i")
	}
	if fn := c.session(name); fn != nil {
		return fn, nil
	}
	if name == "Value" && c.noValue {
		return nil, errors.New(".Value is the value of a field that is changed; nothing is changed here")
	}
	return c.content(name), nil
}

// factNames returns the names of all facts.
func factNames() []string {
	return []string{
		".Address", ".Auth", ".Client.Addr", ".Client.Name", ".Client.Port", ".Date", ".Domain", ".Group", ".Helo",
		".Macro", ".Match", ".QueueID", ".Recipients", ".Rule", ".Sender", ".ShownRecipients", ".Size", ".Time",
		".Unique", ".Value",
	}
}

// session returns a fact about the session, or nil.
func (c *compiler) session(name string) expr {
	switch name {
	case "Client.Addr":
		c.needs.connect = true
		return func(r *run) string {
			if a := r.client().addr; a.IsValid() {
				return a.String()
			}
			return ""
		}
	case "Client.Name":
		c.needs.connect = true
		return func(r *run) string { return r.client().host }
	case "Client.Port":
		c.needs.connect = true
		return func(r *run) string {
			if p := r.client().port; p > 0 {
				return strconv.Itoa(int(p))
			}
			return ""
		}
	case "Helo":
		c.needs.helo = true
		return func(r *run) string { return r.client().helo }
	case "Sender":
		c.needs.envelope = true
		return func(r *run) string { return r.reg.envelope.Sender(r.s) }
	case "Recipients":
		c.needs.envelope = true
		c.reviewRecipients(".Recipients reveals the recipients of Bcc to all readers; .ShownRecipients lists those that the header shows")
		return func(r *run) string { return strings.Join(r.reg.envelope.Recipients(r.s), ", ") }
	case "ShownRecipients":
		return c.shownRecipients()
	}
	return nil
}

// content returns a fact about the message or the rule, or nil.
func (c *compiler) content(name string) expr {
	switch name {
	case "Date":
		return func(*run) string { return time.Now().Format(time.RFC1123Z) }
	case "Size":
		c.needs.headers, c.needs.body = true, true
		return func(r *run) string { return strconv.FormatInt(r.size(), 10) }
	case "Unique":
		return (*run).uniqueText
	case "Rule":
		return func(r *run) string { return r.rule }
	case "Value":
		return func(r *run) string { return message.Unfold(r.value) }
	}
	return nil
}

// factOf compiles a fact with an argument.
func (c *compiler) factOf(name string, args []parse.Node) (expr, error) {
	if len(args) != 1 {
		return nil, fmt.Errorf(".%s takes one argument, as in %s", name, exampleOf(name))
	}
	if n, ok := args[0].(*parse.NumberNode); ok && name == "Match" && n.IsInt && n.Int64 >= 0 && n.Int64 < 1000 {
		return c.matchFact(int(n.Int64))
	}
	text, ok := args[0].(*parse.StringNode)
	if !ok || name == "Match" {
		return nil, fmt.Errorf("invalid argument of .%s: %s; write it as in %s", name, args[0], exampleOf(name))
	}
	switch name {
	case "Macro":
		return c.macroFact(text.Text)
	case "Group":
		return c.groupFact(text.Text)
	case "Time":
		return timeFact(text.Text)
	case "Domain":
		return c.addressFact(text.Text, func(a message.Address) string { return domainKey(string(a.Domain)) })
	}
	return c.addressFact(text.Text, message.Address.Addr)
}

// exampleOf shows how a fact with an argument is written. It returns "" for other names.
func exampleOf(name string) string {
	return map[string]string{
		"Match": ".Match 1", "Group": `.Group "name"`, "Macro": `.Macro "daemon_name"`,
		"Address": `.Address "From"`, "Domain": `.Domain "From"`, "Time": `.Time "compact"`,
	}[name]
}

func (c *compiler) matchFact(n int) (expr, error) {
	*c.keep = true
	if err := c.matched.number(n); err != nil {
		return nil, err
	}
	return func(r *run) string { return r.lastMatch.group(n) }, nil
}

func (c *compiler) groupFact(name string) (expr, error) {
	*c.keep = true
	if err := c.matched.named(name); err != nil {
		return nil, err
	}
	return func(r *run) string { return r.lastMatch.named(name) }, nil
}

func (c *compiler) macroFact(name string) (expr, error) {
	m, err := c.macro(name)
	if err != nil {
		return nil, err
	}
	if strings.HasPrefix(m.name, "rcpt_") {
		c.reviewRecipients("the macro " + m.name + " may reveal a recipient of Bcc to all readers; .ShownRecipients lists those that the header shows")
	}
	return func(r *run) string { return r.macro(m) }, nil
}

// reviewRecipients warns of a fact about recipients in the value of a field, once for each
// value.
func (c *compiler) reviewRecipients(problem string) {
	if c.shown != "" {
		c.warn(c.shown, "%s", problem)
		c.shown = ""
	}
}
