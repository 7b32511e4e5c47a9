package headers

import (
	"maps"

	"go.yaml.in/yaml/v4"
)

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
			return d.insertion(n)
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

func (d *decoder) insertion(n *yaml.Node) (a Insert, at place) {
	at = d.mapping(n, map[string]decodeFunc{
		"name": d.text(&a.Name), "value": d.text(&a.Value),
		"encode": d.boolean(&a.Encode), "skip_empty": d.boolean(&a.SkipEmpty),
		"top": d.boolean(&a.Top), "above": d.text(&a.Above), "below": d.text(&a.Below),
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
		"or_add": d.boolean(&a.OrAdd),
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
		"strip_auth_results": func(d *decoder, n *yaml.Node) (Action, place) { return d.stripAuthResults(n) },
		"strip": func(d *decoder, n *yaml.Node) (Action, place) {
			var a Strip
			at := d.mapping(n, map[string]decodeFunc{"names": d.texts(&a.Names), "received": d.text(&a.Received)})
			return a, at
		},
		"join": func(d *decoder, n *yaml.Node) (Action, place) {
			var a Join
			at := d.mappingOrValue(n, "name", d.text(&a.Name), nil)
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
