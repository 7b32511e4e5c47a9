package headers

import (
	"errors"
	"fmt"
	"strings"
	"text/template/parse"
)

// expr is a part of a template that is ready to run. All values are text; what
// is false is empty.
type expr func(r *run) string

// template compiles a template. Its syntax is that of text/template, but of
// its words only those are taken that always come to an end, and need no more
// than the rules may ask the MTA for.
func (c *compiler) template(text string) (expr, error) {
	tree := parse.New("value")
	tree.Mode = parse.SkipFuncCheck
	set := make(map[string]*parse.Tree)
	if _, err := tree.Parse(text, "", "", set); err != nil {
		return nil, errors.New(strings.TrimPrefix(err.Error(), "template: "))
	}
	for name := range set {
		if name != "value" {
			return nil, errors.New("a template defines no templates")
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
	return nil, fmt.Errorf("%.60s is not among what a template may do", n)
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

// pipe compiles commands, each of which has the value of the one before as its
// last argument.
func (c *compiler) pipe(p *parse.PipeNode) (value expr, err error) {
	if len(p.Decl) > 0 {
		return nil, fmt.Errorf("%s: a template has no variables", p)
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
		return nil, fmt.Errorf("%s takes nothing from a pipe", args[0])
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
	return nil, fmt.Errorf("%s is neither a fact nor a text in quotes", n)
}

// call compiles a function with its arguments.
func (c *compiler) call(name string, args []parse.Node, piped expr) (expr, error) {
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
	fn, low, high := function(name)
	switch {
	case fn == nil:
		return nil, fmt.Errorf("there is no function %q", name)
	case len(list) < low || len(list) > high:
		return nil, fmt.Errorf("%s with %d arguments", name, len(list))
	}
	return fn(list), nil
}
