package headers

import (
	"errors"
	"fmt"
	"strings"
	"text/template/parse"
)

// expr is a compiled part of a template. All values are strings, and the empty
// string is false.
type expr func(r *run) string

// template compiles a template. It accepts the part of the syntax of
// text/template that always terminates and uses only facts that the rules can
// request from the MTA.
func (c *compiler) template(text string) (expr, error) {
	tree := parse.New("value")
	tree.Mode = parse.SkipFuncCheck
	set := make(map[string]*parse.Tree)
	if _, err := tree.Parse(text, "", "", set); err != nil {
		return nil, errors.New(strings.TrimPrefix(err.Error(), "template: value:1: "))
	}
	for name := range set {
		if name != "value" {
			return nil, errors.New("a template cannot define other templates")
		}
	}
	return c.list(tree.Root)
}

func (c *compiler) list(l *parse.ListNode) (expr, error) {
	if l == nil {
		return func(*run) string { return "" }, nil
	}
	parts := make([]expr, 0, len(l.Nodes))
	for _, n := range l.Nodes {
		part, err := c.node(n)
		if err != nil {
			return nil, err
		}
		parts = append(parts, part)
	}
	return func(r *run) string {
		var b strings.Builder
		for _, part := range parts {
			_, _ = b.WriteString(part(r))
		}
		return b.String()
	}, nil
}

func (c *compiler) node(n parse.Node) (expr, error) {
	switch n := n.(type) {
	case *parse.TextNode:
		return constant(string(n.Text)), nil
	case *parse.ActionNode:
		return c.pipe(n.Pipe)
	case *parse.IfNode:
		return c.branch(n)
	}
	return nil, fmt.Errorf("%.60s is not supported in a template", n)
}

func constant(text string) expr { return func(*run) string { return text } }

func (c *compiler) branch(n *parse.IfNode) (expr, error) {
	cond, err := c.pipe(n.Pipe)
	if err != nil {
		return nil, err
	}
	then, err := c.list(n.List)
	if err != nil {
		return nil, err
	}
	otherwise, err := c.list(n.ElseList)
	if err != nil {
		return nil, err
	}
	return func(r *run) string {
		if cond(r) != "" {
			return then(r)
		}
		return otherwise(r)
	}, nil
}

// pipe compiles a pipeline. Each command gets the value of the command before
// it as its last argument.
func (c *compiler) pipe(p *parse.PipeNode) (value expr, err error) {
	if len(p.Decl) > 0 {
		return nil, fmt.Errorf("%s: variables are not supported in a template", p)
	}
	for _, cmd := range p.Cmds {
		if value, err = c.command(cmd.Args, value); err != nil {
			return nil, err
		}
	}
	return value, nil
}

func (c *compiler) command(args []parse.Node, piped expr) (expr, error) {
	if id, ok := args[0].(*parse.IdentifierNode); ok {
		return c.call(id.Ident, args[1:], piped)
	}
	if piped != nil {
		return nil, fmt.Errorf("%s takes no value from a pipe", args[0])
	}
	if f, ok := args[0].(*parse.FieldNode); ok {
		return c.fact(f, args[1:])
	}
	if len(args) > 1 {
		return nil, fmt.Errorf("%s takes no argument", args[0])
	}
	return c.operand(args[0])
}

func (c *compiler) operand(n parse.Node) (expr, error) {
	switch n := n.(type) {
	case *parse.FieldNode:
		return c.fact(n, nil)
	case *parse.StringNode:
		if err := checkText(n.Text); err != nil {
			return nil, err
		}
		return constant(n.Text), nil
	case *parse.PipeNode:
		return c.pipe(n)
	}
	return nil, fmt.Errorf("%s is neither a fact nor a quoted string", n)
}

// call compiles a function call.
func (c *compiler) call(name string, args []parse.Node, piped expr) (expr, error) {
	fn, low, high := function(name)
	if fn == nil {
		known := append(functionNames(), factNames()...) // a fact may lack its dot
		return nil, fmt.Errorf("unknown function %.60q%s; the functions are %s", name, didYouMean(name, known), strings.Join(functionNames(), ", "))
	}
	list := make([]expr, 0, len(args)+1)
	for _, a := range args {
		e, err := c.operand(a)
		if err != nil {
			return nil, err
		}
		list = append(list, e)
	}
	if piped != nil {
		list = append(list, piped)
	}
	if len(list) < low || len(list) > high {
		return nil, fmt.Errorf("wrong number of arguments for %s: %d", name, len(list))
	}
	return fn(list), nil
}

// unlimited is a maximum number of arguments that no template reaches.
const unlimited = maxText

// functionNames returns the names of all functions.
func functionNames() []string {
	return []string{"and", "default", "domain", "domains", "eq", "local", "lower", "ne", "not", "or", "upper"}
}

// function returns the compile function of a template function, and the minimum
// and maximum number of its arguments. It returns nil if name is unknown.
func function(name string) (fn func(args []expr) expr, low, high int) {
	switch name {
	case "lower":
		return each(strings.ToLower), 1, 1
	case "upper":
		return each(strings.ToUpper), 1, 1
	case "domain":
		return each(domainOf), 1, 1
	case "domains":
		return each(domainsOf), 1, 1
	case "local":
		return each(localOf), 1, 1
	case "not":
		return each(func(s string) string { return boolText(s == "") }), 1, 1
	case "default":
		return func(args []expr) expr { return or([]expr{args[1], args[0]}) }, 2, 2
	case "or":
		return or, 1, unlimited
	case "and":
		return and, 1, unlimited
	case "eq":
		return eq, 2, unlimited
	case "ne":
		return func(args []expr) expr {
			same := eq(args)
			return func(r *run) string { return boolText(same(r) == "") }
		}, 2, 2
	}
	return nil, 0, 0
}

func boolText(b bool) string {
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

// or returns the first argument that is not empty. If all are empty, it returns
// the last one.
func or(args []expr) expr { return choose(args, true) }

// and returns the first argument that is empty. If none is empty, it returns
// the last one.
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

// eq reports whether the first argument equals one of the others.
func eq(args []expr) expr {
	return func(r *run) string {
		first := args[0](r)
		for _, arg := range args[1:] {
			if arg(r) == first {
				return boolText(true)
			}
		}
		return ""
	}
}
