package headers

import (
	"fmt"
	"strconv"
	"strings"
	"text/template/parse"
	"time"
)

// many is more arguments than a template has.
const many = longestText

// function returns what makes a function of its arguments, and how few and how
// many they are.
func function(name string) (fn func(args []expr) expr, low, high int) {
	switch name {
	case "lower":
		return each(strings.ToLower), 1, 1
	case "upper":
		return each(strings.ToUpper), 1, 1
	case "not":
		return each(func(s string) string { return truth(s == "") }), 1, 1
	case "default":
		return func(args []expr) expr { return or([]expr{args[1], args[0]}) }, 2, 2
	case "or":
		return or, 1, many
	case "and":
		return and, 1, many
	case "eq":
		return eq, 2, many
	case "ne":
		return func(args []expr) expr {
			same := eq(args)
			return func(r *run) string { return truth(same(r) == "") }
		}, 2, 2
	}
	return nil, 0, 0
}

func truth(b bool) string {
	if b {
		return "true"
	}
	return ""
}

func each(fn func(string) string) func([]expr) expr {
	return func(args []expr) expr {
		return func(r *run) string { return fn(args[0](r)) }
	}
}

// or returns the first value that is not empty, and and the first that is, or
// the last.
func or(args []expr) expr  { return choose(args, true) }
func and(args []expr) expr { return choose(args, false) }

func choose(args []expr, full bool) expr {
	return func(r *run) (text string) {
		for _, arg := range args {
			if text = arg(r); (text != "") == full {
				break
			}
		}
		return text
	}
}

// eq compares the first value with each of the others.
func eq(args []expr) expr {
	return func(r *run) string {
		first := args[0](r)
		for _, arg := range args[1:] {
			if arg(r) == first {
				return truth(true)
			}
		}
		return ""
	}
}

// fact compiles a fact, and has what it needs asked of the MTA.
func (c *compiler) fact(f *parse.FieldNode, args []parse.Node) (expr, error) {
	name := strings.Join(f.Ident, ".")
	switch name {
	case "Macro", "Match", "Group":
		return c.factOf(name, args)
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
	if fn := c.content(name); fn != nil {
		return fn, nil
	}
	return nil, fmt.Errorf("there is no fact .%s", name)
}

// session returns a fact of the session.
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
		return func(r *run) string { return strings.Join(r.reg.envelope.Recipients(r.s), ", ") }
	}
	return nil
}

func (r *run) client() *peer { return r.reg.peer.Get(r.s) }

// content returns a fact of the message, or of the rule.
func (c *compiler) content(name string) expr {
	switch name {
	case "Date":
		return func(*run) string { return time.Now().Format(time.RFC1123Z) }
	case "Size":
		c.needs.headers, c.needs.body = true, true
		return func(r *run) string { return strconv.FormatInt(r.size(), 10) }
	case "Rule":
		return func(r *run) string { return r.rule }
	case "Value":
		return func(r *run) string { return unfold(r.value) }
	}
	return nil
}

// factOf compiles a fact that has an argument.
func (c *compiler) factOf(name string, args []parse.Node) (expr, error) {
	if len(args) != 1 {
		return nil, fmt.Errorf(".%s takes one argument", name)
	}
	if n, ok := args[0].(*parse.NumberNode); ok && name == "Match" && n.IsInt && n.Int64 >= 0 && n.Int64 < 1000 {
		*c.keep = true
		return func(r *run) string { return r.found.group(int(n.Int64)) }, nil
	}
	text, ok := args[0].(*parse.StringNode)
	switch {
	case ok && name == "Macro":
		return c.macroFact(text.Text)
	case ok && name == "Group":
		*c.keep = true
		return func(r *run) string { return r.found.named(text.Text) }, nil
	}
	return nil, fmt.Errorf(".%s with %s", name, args[0])
}

func (c *compiler) macroFact(name string) (expr, error) {
	m, err := c.macro(name)
	if err != nil {
		return nil, err
	}
	return func(r *run) string { return r.macro(m) }, nil
}

// macro returns the value of a macro, or "".
func (r *run) macro(m macro) string {
	text, _ := r.reg.macros[m].Value(r.s)
	return text
}
