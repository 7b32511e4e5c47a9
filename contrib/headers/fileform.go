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

// actions returns how each action is decoded, by its key.
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
			at := d.short(n, "value", d.text(&a.Value), map[string]take{"keep": d.truth(&a.Keep)})
			return a, at
		},
	}
}

func (d *decoder) addition(n *yaml.Node) (a Add, at place) {
	at = d.keys(n, map[string]take{
		"name": d.text(&a.Name), "value": d.text(&a.Value),
		"encode": d.truth(&a.Encode), "skip_empty": d.truth(&a.SkipEmpty),
	})
	return a, at
}

func changes() map[string]func(*decoder, *yaml.Node) (Action, place) {
	return map[string]func(*decoder, *yaml.Node) (Action, place){
		"replace": func(d *decoder, n *yaml.Node) (Action, place) {
			var a Replace
			at := d.keys(n, map[string]take{
				"name": d.text(&a.Name), "value": d.text(&a.Value), "encode": d.truth(&a.Encode),
				"which": d.which(&a.Which), "match": d.text(&a.Match), "decoded": d.truth(&a.Decoded),
				"or_add": d.truth(&a.OrAdd),
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
	at = d.keys(n, map[string]take{
		"name": d.text(&a.Name), "text": d.text(&a.Text),
		"which": d.which(&a.Which), "match": d.text(&a.Match), "decoded": d.truth(&a.Decoded),
	})
	return a, at
}

func (d *decoder) folding(n *yaml.Node) (a Fold, at place) {
	at = d.short(n, "name", d.text(&a.Name), map[string]take{"which": d.which(&a.Which)})
	return a, at
}

func deletions() map[string]func(*decoder, *yaml.Node) (Action, place) {
	return map[string]func(*decoder, *yaml.Node) (Action, place){
		"delete": func(d *decoder, n *yaml.Node) (Action, place) {
			var a Delete
			at := d.short(n, "name", d.text(&a.Name), map[string]take{
				"which": d.which(&a.Which), "match": d.text(&a.Match), "decoded": d.truth(&a.Decoded),
			})
			return a, at
		},
		"rename": func(d *decoder, n *yaml.Node) (Action, place) {
			var a Rename
			at := d.keys(n, map[string]take{
				"name": d.text(&a.Name), "to": d.text(&a.To),
				"which": d.which(&a.Which), "match": d.text(&a.Match), "decoded": d.truth(&a.Decoded),
			})
			return a, at
		},
		"strip": func(d *decoder, n *yaml.Node) (Action, place) {
			var a Strip
			at := d.keys(n, map[string]take{"names": d.texts(&a.Names), "received": d.text(&a.Received)})
			return a, at
		},
		"limit": func(d *decoder, n *yaml.Node) (Action, place) {
			var a Limit
			at := d.keys(n, map[string]take{
				"name": d.text(&a.Name), "max": d.small(&a.Max), "bottom": d.truth(&a.Bottom),
			})
			return a, at
		},
	}
}

func refusals() map[string]func(*decoder, *yaml.Node) (Action, place) {
	return map[string]func(*decoder, *yaml.Node) (Action, place){
		"reject": func(d *decoder, n *yaml.Node) (Action, place) {
			var a Reject
			at := d.short(n, "text", d.text(&a.Text), map[string]take{
				"code": d.small(&a.Code), "status": d.text(&a.Status),
			})
			return a, at
		},
		"quarantine": func(d *decoder, n *yaml.Node) (Action, place) {
			var a Quarantine
			at := d.short(n, "reason", d.text(&a.Reason), nil)
			return a, at
		},
	}
}

// conditions returns how each condition is decoded, by its key.
func conditions() map[string]func(*decoder, *yaml.Node) (Condition, place) {
	m := logic()
	maps.Copy(m, envelopes())
	maps.Copy(m, contents())
	return m
}

func logic() map[string]func(*decoder, *yaml.Node) (Condition, place) {
	several := func(d *decoder, n *yaml.Node) (list []Condition) {
		d.each(n, func(n *yaml.Node) { list = append(list, d.condition(n)) })
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
			at := d.short(n, "networks", d.texts(&c.Networks), nil)
			return c, at
		},
		"authenticated": func(d *decoder, n *yaml.Node) (Condition, place) {
			var yes bool
			if d.truth(&yes)(n); !yes {
				return Not{Authenticated{}}, d.place(n)
			}
			return Authenticated{}, d.place(n)
		},
		"sender": func(d *decoder, n *yaml.Node) (Condition, place) {
			var s Sender
			at := d.short(n, "in", d.texts(&s.In), map[string]take{"match": d.text(&s.Match)})
			return s, at
		},
		"recipient": func(d *decoder, n *yaml.Node) (Condition, place) {
			var r Recipient
			at := d.short(n, "in", d.texts(&r.In), map[string]take{"match": d.text(&r.Match)})
			return r, at
		},
		"helo": func(d *decoder, n *yaml.Node) (Condition, place) {
			var h Helo
			at := d.short(n, "match", d.text(&h.Match), nil)
			return h, at
		},
		"macro": func(d *decoder, n *yaml.Node) (Condition, place) {
			var m Macro
			at := d.short(n, "name", d.text(&m.Name), map[string]take{"match": d.text(&m.Match)})
			return m, at
		},
	}
}

func contents() map[string]func(*decoder, *yaml.Node) (Condition, place) {
	return map[string]func(*decoder, *yaml.Node) (Condition, place){
		"present": func(d *decoder, n *yaml.Node) (Condition, place) {
			var p Present
			at := d.short(n, "name", d.text(&p.Name), nil)
			return p, at
		},
		"absent": func(d *decoder, n *yaml.Node) (Condition, place) {
			var a Absent
			at := d.short(n, "name", d.text(&a.Name), nil)
			return a, at
		},
		"matches": func(d *decoder, n *yaml.Node) (Condition, place) {
			var m Matches
			at := d.keys(n, map[string]take{
				"name": d.text(&m.Name), "match": d.text(&m.Match), "decoded": d.truth(&m.Decoded),
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
			at := d.keys(n, map[string]take{"over": d.number(&s.Over), "under": d.number(&s.Under)})
			return s, at
		},
	}
}

// standard stands for the fields that RFC 5322 allows once.
const standard = "rfc5322"

func (d *decoder) names(n *yaml.Node) (names []string, at place) {
	at = d.short(n, "names", d.texts(&names), nil)
	if n.Kind == yaml.ScalarNode && n.Value == standard {
		return nil, at
	}
	for _, one := range append([]*yaml.Node{n}, n.Content...) {
		if strings.EqualFold(one.Value, standard) {
			d.fail(one, "%q is no name of a field; %s, alone, stands for those of the standard", one.Value, standard)
		}
	}
	return names, at
}
