package headers

import (
	"maps"
	"strings"

	"go.yaml.in/yaml/v4"
)

// conditions returns the decoding functions for conditions, by key.
func conditions() map[string]func(*decoder, *yaml.Node) (Condition, place) {
	m := logic()
	maps.Copy(m, envelopes())
	maps.Copy(m, contents())
	maps.Copy(m, partForms())
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
			at := d.mappingOrValue(n, "name", d.text(&p.Name), map[string]decodeFunc{"which": d.which(&p.Which)})
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
				"which": d.which(&m.Which),
			})
			return m, at
		},
		"addresses": func(d *decoder, n *yaml.Node) (Condition, place) {
			var a Addresses
			at := d.mapping(n, map[string]decodeFunc{
				"name": d.texts(&a.Name), "in": d.texts(&a.In), "match": d.text(&a.Match),
				"every": d.boolean(&a.Every), "unreadable": d.boolean(&a.Unreadable),
			})
			return a, at
		},
		"equal": func(d *decoder, n *yaml.Node) (Condition, place) {
			var e Equal
			at := d.mapping(n, map[string]decodeFunc{"of": d.text(&e.Of), "to": d.texts(&e.To)})
			return e, at
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
