package headers

import "go.yaml.in/yaml/v4"

func (d *decoder) config(doc *yaml.Node) (cfg Config) {
	if doc.Kind != yaml.DocumentNode || len(doc.Content) != 1 {
		d.fail(doc, "the file is empty")
		return cfg
	}
	root, rules := doc.Content[0], false
	d.plain(root, 0)
	if len(d.errs) > 0 {
		return cfg
	}
	d.keys(root, map[string]take{
		"name":    d.text(&cfg.Name),
		"macros":  d.stages(&cfg.Macros),
		"metrics": d.text(&cfg.Metrics),
		"rules": func(n *yaml.Node) {
			rules = true
			d.each(n, func(n *yaml.Node) { cfg.Rules = append(cfg.Rules, d.rule(n)) })
		},
	})
	if !rules && len(d.errs) == 0 {
		d.fail(root, "there are no rules")
	}
	return cfg
}

// deepest is how deep a configuration nests.
const deepest = 64

// plain checks that the file is what it looks like: no anchors, no aliases, no
// tags of its own, and no endless depth.
func (d *decoder) plain(n *yaml.Node, depth int) {
	switch {
	case n.Kind == yaml.AliasNode || n.Anchor != "":
		d.fail(n, "there are neither anchors nor aliases here")
		return
	case n.Style&yaml.TaggedStyle != 0:
		d.fail(n, "there are no tags here")
		return
	case depth > deepest:
		d.fail(n, "this is nested deeper than %d", deepest)
		return
	}
	for _, sub := range n.Content {
		d.plain(sub, depth+1)
	}
}

// stages decodes the stages of macros, whose names are the user's.
func (d *decoder) stages(to *map[string]string) take {
	return func(n *yaml.Node) {
		known := make(map[string]take)
		*to = make(map[string]string)
		if n.Kind == yaml.MappingNode {
			for i := 0; i+1 < len(n.Content); i += 2 {
				known[n.Content[i].Value] = d.stage(n.Content[i], *to)
			}
		}
		d.keys(n, known)
	}
}

// stage decodes the stage of a macro. A macro has one, with or without braces.
func (d *decoder) stage(key *yaml.Node, to map[string]string) take {
	return func(n *yaml.Node) {
		var stage string
		d.text(&stage)(n)
		if _, ok := stageOf(stage); !ok {
			d.fail(n, "there are no macros at the stage %q", stage)
		}
		name := bare(key.Value)
		if err := checkMacro(name); err != nil {
			d.fail(key, "%w", err)
		}
		if _, twice := to[name]; twice {
			d.fail(key, "the macro %q is here twice", name)
		}
		to[name] = stage
	}
}

func (d *decoder) rule(n *yaml.Node) (r Rule) {
	r.at = d.keys(n, map[string]take{
		"name": d.text(&r.Name),
		"when": func(n *yaml.Node) { r.When = d.condition(n) },
		"do":   func(n *yaml.Node) { d.each(n, func(n *yaml.Node) { r.Do = append(r.Do, d.action(n)) }) },
		"last": d.truth(&r.Last),
	})
	return r
}

// condition decodes a mapping of conditions, all of which are to hold.
func (d *decoder) condition(n *yaml.Node) Condition {
	var all All
	known := make(map[string]take)
	for name, decode := range conditions() {
		known[name] = func(n *yaml.Node) {
			cond, at := decode(d, n)
			all = append(all, locatedCondition{cond, at})
		}
	}
	at := d.keys(n, known)
	switch len(all) {
	case 0:
		if n.Kind == yaml.MappingNode && len(n.Content) == 0 {
			d.fail(n, "there is no condition in it")
		}
	case 1:
		return all[0]
	}
	return locatedCondition{all, at}
}

// action decodes a mapping of one action.
func (d *decoder) action(n *yaml.Node) (a Action) {
	known := make(map[string]take)
	for name, decode := range actions() {
		known[name] = func(n *yaml.Node) {
			action, at := decode(d, n)
			a = locatedAction{action, at}
		}
	}
	if n.Kind == yaml.MappingNode && len(n.Content) != 2 {
		d.fail(n, "want one action for each item of the list, and not %d", len(n.Content)/2)
		return nil
	}
	d.keys(n, known)
	return a
}
