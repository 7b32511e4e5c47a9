package headers

import (
	"maps"

	"go.yaml.in/yaml/v4"
)

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
