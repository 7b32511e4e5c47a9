package headers

import (
	"maps"
	"strings"

	"go.yaml.in/yaml/v4"
)

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

// short decodes a mapping, or the value of its main key in its place.
func (d *decoder) short(n *yaml.Node, key string, main take, others map[string]take) place {
	if n.Kind == yaml.MappingNode && others != nil {
		known := map[string]take{key: main}
		maps.Copy(known, others)
		return d.keys(n, known)
	}
	at := d.place(n)
	at.fields = make(map[string]place)
	at.mark(d, key, n)
	main(n)
	return at
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
