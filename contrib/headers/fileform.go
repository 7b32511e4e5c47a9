package headers

import (
	"maps"
	"strings"

	"go.yaml.in/yaml/v4"
)

func (d *decoder) config(doc *yaml.Node) (cfg Config) {
	if doc.Kind != yaml.DocumentNode || len(doc.Content) != 1 {
		d.fail(doc, "the file is empty")
		return cfg
	}
	root, rules := doc.Content[0], false
	d.checkPlain(root, 0)
	if len(d.errs) > 0 {
		return cfg
	}
	d.mapping(root, map[string]decodeFunc{
		"name":    d.text(&cfg.Name),
		"macros":  d.stages(&cfg.Macros),
		"metrics": d.text(&cfg.Metrics),
		"rules": func(n *yaml.Node) {
			rules = true
			d.list(n, func(n *yaml.Node) { cfg.Rules = append(cfg.Rules, d.rule(n)) })
		},
	})
	if !rules && len(d.errs) == 0 {
		d.fail(root, "the key \"rules\" is missing")
	}
	return cfg
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
			d.fail(n, "%q is not a stage with macros", stage)
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
		"do":   func(n *yaml.Node) { d.list(n, func(n *yaml.Node) { r.Do = append(r.Do, d.action(n)) }) },
		"last": d.boolean(&r.Last),
	})
	return r
}

// condition decodes a mapping of conditions. All of them must hold.
func (d *decoder) condition(n *yaml.Node) Condition {
	var all All
	known := make(map[string]decodeFunc)
	for name, decode := range conditions() {
		known[name] = func(n *yaml.Node) {
			cond, at := decode(d, n)
			all = append(all, locatedCondition{cond, at})
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

// action decodes a mapping with exactly one action.
func (d *decoder) action(n *yaml.Node) (a Action) {
	known := make(map[string]decodeFunc)
	for name, decode := range actions() {
		known[name] = func(n *yaml.Node) {
			action, at := decode(d, n)
			a = locatedAction{action, at}
		}
	}
	if n.Kind == yaml.MappingNode && len(n.Content) != 2 {
		d.fail(n, "want one action in each item of the list, got %d", len(n.Content)/2)
		return nil
	}
	d.mapping(n, known)
	return a
}

// actions returns the decoding functions for actions, by key.
func actions() map[string]func(*decoder, *yaml.Node) (Action, place) {
	m := additions()
	maps.Copy(m, changes())
	maps.Copy(m, deletions())
	maps.Copy(m, refusals())
	return m
}

func additions() map[string]func(*decoder, *yaml.Node) (Action, place) {
	return map[string]func(*decoder, *yaml.Node) (Action, place){
		"add": func(d *decoder, n *yaml.Node) (Action, place) { return d.addition(n) },
		"insert": func(d *decoder, n *yaml.Node) (Action, place) {
			a, at := d.addition(n)
			return Insert(a), at
		},
		"reply_to": func(d *decoder, n *yaml.Node) (Action, place) {
			var a ReplyTo
			at := d.mappingOrValue(n, "value", d.text(&a.Value), map[string]decodeFunc{"keep": d.boolean(&a.Keep)})
			return a, at
		},
	}
}

func (d *decoder) addition(n *yaml.Node) (a Add, at place) {
	at = d.mapping(n, map[string]decodeFunc{
		"name": d.text(&a.Name), "value": d.text(&a.Value),
		"encode": d.boolean(&a.Encode), "skip_empty": d.boolean(&a.SkipEmpty),
	})
	return a, at
}

func changes() map[string]func(*decoder, *yaml.Node) (Action, place) {
	return map[string]func(*decoder, *yaml.Node) (Action, place){
		"replace": func(d *decoder, n *yaml.Node) (Action, place) {
			var a Replace
			at := d.mapping(n, map[string]decodeFunc{
				"name": d.text(&a.Name), "value": d.text(&a.Value), "encode": d.boolean(&a.Encode),
				"which": d.which(&a.Which), "match": d.text(&a.Match), "decoded": d.boolean(&a.Decoded),
				"or_add": d.boolean(&a.OrAdd),
			})
			return a, at
		},
		"prefix": func(d *decoder, n *yaml.Node) (Action, place) { return d.tag(n) },
		"suffix": func(d *decoder, n *yaml.Node) (Action, place) {
			a, at := d.tag(n)
			return Suffix(a), at
		},
		"fold": func(d *decoder, n *yaml.Node) (Action, place) { return d.folding(n) },
		"unfold": func(d *decoder, n *yaml.Node) (Action, place) {
			a, at := d.folding(n)
			return Unfold(a), at
		},
	}
}

func (d *decoder) tag(n *yaml.Node) (a Prefix, at place) {
	at = d.mapping(n, map[string]decodeFunc{
		"name": d.text(&a.Name), "text": d.text(&a.Text),
		"which": d.which(&a.Which), "match": d.text(&a.Match), "decoded": d.boolean(&a.Decoded),
	})
	return a, at
}

func (d *decoder) folding(n *yaml.Node) (a Fold, at place) {
	at = d.mappingOrValue(n, "name", d.text(&a.Name), map[string]decodeFunc{"which": d.which(&a.Which)})
	return a, at
}

func deletions() map[string]func(*decoder, *yaml.Node) (Action, place) {
	return map[string]func(*decoder, *yaml.Node) (Action, place){
		"delete": func(d *decoder, n *yaml.Node) (Action, place) {
			var a Delete
			at := d.mappingOrValue(n, "name", d.text(&a.Name), map[string]decodeFunc{
				"which": d.which(&a.Which), "match": d.text(&a.Match), "decoded": d.boolean(&a.Decoded),
			})
			return a, at
		},
		"rename": func(d *decoder, n *yaml.Node) (Action, place) {
			var a Rename
			at := d.mapping(n, map[string]decodeFunc{
				"name": d.text(&a.Name), "to": d.text(&a.To),
				"which": d.which(&a.Which), "match": d.text(&a.Match), "decoded": d.boolean(&a.Decoded),
			})
			return a, at
		},
		"strip": func(d *decoder, n *yaml.Node) (Action, place) {
			var a Strip
			at := d.mapping(n, map[string]decodeFunc{"names": d.texts(&a.Names), "received": d.text(&a.Received)})
			return a, at
		},
		"limit": func(d *decoder, n *yaml.Node) (Action, place) {
			var a Limit
			at := d.mapping(n, map[string]decodeFunc{
				"name": d.text(&a.Name), "max": d.integer(&a.Max), "bottom": d.boolean(&a.Bottom),
			})
			return a, at
		},
	}
}

func refusals() map[string]func(*decoder, *yaml.Node) (Action, place) {
	return map[string]func(*decoder, *yaml.Node) (Action, place){
		"reject": func(d *decoder, n *yaml.Node) (Action, place) {
			var a Reject
			at := d.mappingOrValue(n, "text", d.text(&a.Text), map[string]decodeFunc{
				"code": d.integer(&a.Code), "status": d.text(&a.Status),
			})
			return a, at
		},
		"quarantine": func(d *decoder, n *yaml.Node) (Action, place) {
			var a Quarantine
			at := d.mappingOrValue(n, "reason", d.text(&a.Reason), nil)
			return a, at
		},
	}
}

// conditions returns the decoding functions for conditions, by key.
func conditions() map[string]func(*decoder, *yaml.Node) (Condition, place) {
	m := logic()
	maps.Copy(m, envelopes())
	maps.Copy(m, contents())
	return m
}

func logic() map[string]func(*decoder, *yaml.Node) (Condition, place) {
	several := func(d *decoder, n *yaml.Node) (list []Condition) {
		d.list(n, func(n *yaml.Node) { list = append(list, d.condition(n)) })
		return list
	}
	return map[string]func(*decoder, *yaml.Node) (Condition, place){
		"all": func(d *decoder, n *yaml.Node) (Condition, place) { return All(several(d, n)), d.place(n) },
		"any": func(d *decoder, n *yaml.Node) (Condition, place) { return Any(several(d, n)), d.place(n) },
		"not": func(d *decoder, n *yaml.Node) (Condition, place) { return Not{d.condition(n)}, d.place(n) },
	}
}

func envelopes() map[string]func(*decoder, *yaml.Node) (Condition, place) {
	return map[string]func(*decoder, *yaml.Node) (Condition, place){
		"client": func(d *decoder, n *yaml.Node) (Condition, place) {
			var c Client
			at := d.mappingOrValue(n, "networks", d.texts(&c.Networks), nil)
			return c, at
		},
		"authenticated": func(d *decoder, n *yaml.Node) (Condition, place) {
			var yes bool
			if d.boolean(&yes)(n); !yes {
				return Not{Authenticated{}}, d.place(n)
			}
			return Authenticated{}, d.place(n)
		},
		"sender": func(d *decoder, n *yaml.Node) (Condition, place) {
			var s Sender
			at := d.mappingOrValue(n, "in", d.texts(&s.In), map[string]decodeFunc{"match": d.text(&s.Match)})
			return s, at
		},
		"recipient": func(d *decoder, n *yaml.Node) (Condition, place) {
			var r Recipient
			at := d.mappingOrValue(n, "in", d.texts(&r.In), map[string]decodeFunc{"match": d.text(&r.Match)})
			return r, at
		},
		"helo": func(d *decoder, n *yaml.Node) (Condition, place) {
			var h Helo
			at := d.mappingOrValue(n, "match", d.text(&h.Match), nil)
			return h, at
		},
		"macro": func(d *decoder, n *yaml.Node) (Condition, place) {
			var m Macro
			at := d.mappingOrValue(n, "name", d.text(&m.Name), map[string]decodeFunc{"match": d.text(&m.Match)})
			return m, at
		},
	}
}

func contents() map[string]func(*decoder, *yaml.Node) (Condition, place) {
	return map[string]func(*decoder, *yaml.Node) (Condition, place){
		"present": func(d *decoder, n *yaml.Node) (Condition, place) {
			var p Present
			at := d.mappingOrValue(n, "name", d.text(&p.Name), nil)
			return p, at
		},
		"absent": func(d *decoder, n *yaml.Node) (Condition, place) {
			var a Absent
			at := d.mappingOrValue(n, "name", d.text(&a.Name), nil)
			return a, at
		},
		"matches": func(d *decoder, n *yaml.Node) (Condition, place) {
			var m Matches
			at := d.mapping(n, map[string]decodeFunc{
				"name": d.text(&m.Name), "match": d.text(&m.Match), "decoded": d.boolean(&m.Decoded),
			})
			return m, at
		},
		"duplicated": func(d *decoder, n *yaml.Node) (Condition, place) {
			names, at := d.names(n)
			return Duplicated{names}, at
		},
		"malformed": func(d *decoder, n *yaml.Node) (Condition, place) {
			names, at := d.names(n)
			return Malformed{names}, at
		},
		"size": func(d *decoder, n *yaml.Node) (Condition, place) {
			var s Size
			at := d.mapping(n, map[string]decodeFunc{"over": d.integer64(&s.Over), "under": d.integer64(&s.Under)})
			return s, at
		},
	}
}

// standard is the value that selects the fields that RFC 5322 allows once.
const standard = "rfc5322"

func (d *decoder) names(n *yaml.Node) (names []string, at place) {
	at = d.mappingOrValue(n, "names", d.texts(&names), nil)
	if n.Kind == yaml.ScalarNode && n.Value == standard {
		return nil, at
	}
	for _, one := range append([]*yaml.Node{n}, n.Content...) {
		if strings.EqualFold(one.Value, standard) {
			d.fail(one, "%q is not a field name; to select the fields of RFC 5322, write %s alone", one.Value, standard)
		}
	}
	return names, at
}
