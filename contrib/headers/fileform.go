package headers

import (
	"maps"

	"go.yaml.in/yaml/v4"
)

func (d *decoder) config(doc *yaml.Node) (cfg Config) {
	if doc.Kind != yaml.DocumentNode || len(doc.Content) != 1 {
		d.fail(doc, "the file is empty")
		return cfg
	}
	root := doc.Content[0]
	d.checkPlain(root, 0)
	if len(d.errs) > 0 {
		return cfg
	}
	return d.keys(root, map[string]decodeFunc{
		"name": d.fixedText(&cfg.Name), "metrics": d.address(&cfg.Metrics),
		"inspect": func(n *yaml.Node) { cfg.Inspect = n },
	}, &cfg)
}

// section decodes the rules in a larger file.
func (d *decoder) section(n *yaml.Node) (cfg Config) {
	d.checkPlain(n, 0)
	if len(d.errs) > 0 {
		return cfg
	}
	return d.keys(n, nil, &cfg)
}

// keys decodes a mapping with rules and, besides, other keys.
func (d *decoder) keys(n *yaml.Node, others map[string]decodeFunc, cfg *Config) Config {
	rules := false
	known := map[string]decodeFunc{
		"macros": d.stages(&cfg.Macros),
		"rules": func(n *yaml.Node) {
			rules = true
			d.list(n, func(n *yaml.Node) { cfg.Rules = append(cfg.Rules, d.rule(n)) })
		},
	}
	maps.Copy(known, others)
	cfg.at = d.mapping(n, known)
	if !rules && len(d.errs) == 0 {
		d.fail(n, "the key \"rules\" is missing")
	}
	return *cfg
}

// stages decodes a mapping from macro names to stages.
func (d *decoder) stages(to *map[string]string) decodeFunc {
	return func(n *yaml.Node) {
		known := make(map[string]decodeFunc)
		*to = make(map[string]string)
		if n.Kind == yaml.MappingNode {
			for i := 0; i+1 < len(n.Content); i += 2 {
				known[n.Content[i].Value] = d.stage(n.Content[i], *to)
			}
		}
		d.mapping(n, known)
	}
}

// stage decodes the stage of a macro. The same macro with and without braces is
// a duplicate.
func (d *decoder) stage(key *yaml.Node, to map[string]string) decodeFunc {
	return func(n *yaml.Node) {
		var stage string
		d.text(&stage)(n)
		if _, ok := stageOf(stage); !ok {
			d.fail(n, "%w", unknownStage(stage))
		}
		name := macroName(key.Value)
		if err := checkMacro(name); err != nil {
			d.fail(key, "%w", err)
		}
		if _, twice := to[name]; twice {
			d.fail(key, "duplicate macro %q", name)
		}
		to[name] = stage
	}
}

func (d *decoder) rule(n *yaml.Node) (r Rule) {
	r.at = d.mapping(n, map[string]decodeFunc{
		"name": d.text(&r.Name),
		"when": func(n *yaml.Node) { r.When = d.condition(n) },
		"do":   func(n *yaml.Node) { d.list(n, func(n *yaml.Node) { r.Do = append(r.Do, d.action(n)...) }) },
		"last": d.boolean(&r.Last), "optional": d.boolean(&r.Optional),
	})
	return r
}

// condition decodes a mapping of conditions. All of them must hold.
func (d *decoder) condition(n *yaml.Node) Condition {
	var all All
	known := make(map[string]decodeFunc)
	for key, decode := range conditions() {
		known[key] = func(n *yaml.Node) {
			if !takesNames(key) {
				cond, at := decode(d, n)
				all = append(all, locatedCondition{cond, at})
				return
			}
			all = append(all, d.conditionOfNames(key, decode, n)...)
		}
	}
	at := d.mapping(n, known)
	switch len(all) {
	case 0:
		if n.Kind == yaml.MappingNode && len(n.Content) == 0 {
			d.fail(n, "want at least one condition")
		}
	case 1:
		return all[0]
	}
	return locatedCondition{all, at}
}

// conditionOfNames decodes a condition on a field, or on one of several. It returns the
// conditions that must all hold.
func (d *decoder) conditionOfNames(key string, decode func(*decoder, *yaml.Node) (Condition, place), n *yaml.Node) []Condition {
	var each []Condition
	for _, one := range d.eachName(n) {
		cond, at := decode(d, one)
		each = append(each, locatedCondition{cond, at})
	}
	if key == "absent" || len(each) == 1 {
		return each
	}
	return []Condition{locatedCondition{Any(each), d.place(n)}}
}

// action decodes a mapping with exactly one action. With a list of names, it stands for
// several.
func (d *decoder) action(n *yaml.Node) (list []Action) {
	known := make(map[string]decodeFunc)
	for key, decode := range actions() {
		known[key] = func(n *yaml.Node) {
			nodes := []*yaml.Node{n}
			if takesNames(key) {
				nodes = d.eachName(n)
			}
			for _, one := range nodes {
				action, at := decode(d, one)
				list = append(list, locatedAction{action, at})
			}
		}
	}
	if n.Kind == yaml.MappingNode && len(n.Content) != 2 {
		d.fail(n, "want one action in each item of the list, got %d", len(n.Content)/2)
		return nil
	}
	d.mapping(n, known)
	return list
}
