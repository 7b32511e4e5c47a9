package headers

import (
	"slices"

	"go.yaml.in/yaml/v4"
)

// takesNames reports whether a condition or an action takes a list of names as well as one.
// It then stands for several, one for each name.
func takesNames(key string) bool {
	return slices.Contains([]string{
		"absent", "delete", "fold", "join", "limit", "matches", "prefix", "present", "rename", "replace", "suffix", "unfold",
	}, key)
}

// eachName returns a node for each name of a list, as if the configuration had been written
// so. The list is the node itself, or the value of its key "name". If there is no list,
// eachName returns the node alone.
func (d *decoder) eachName(n *yaml.Node) []*yaml.Node {
	list, at := n, 0
	if n.Kind == yaml.MappingNode {
		for at = 1; at < len(n.Content) && n.Content[at-1].Value != "name"; {
			at += 2
		}
		if at >= len(n.Content) {
			return []*yaml.Node{n}
		}
		list = n.Content[at]
	}
	if list.Kind != yaml.SequenceNode {
		return []*yaml.Node{n}
	}
	d.checkNames(list)
	nodes := make([]*yaml.Node, 0, len(list.Content))
	for _, name := range list.Content {
		one := name
		if n.Kind == yaml.MappingNode {
			copied := *n
			copied.Content = slices.Clone(n.Content)
			copied.Content[at] = name
			one = &copied
		}
		nodes = append(nodes, one)
	}
	return nodes
}

// checkNames checks that a list has names, and none twice.
func (d *decoder) checkNames(list *yaml.Node) {
	if len(list.Content) == 0 {
		d.fail(list, "the list is empty")
	}
	seen := make(map[string]bool)
	for _, name := range list.Content {
		switch key := lower(name.Value); {
		case name.Kind != yaml.ScalarNode:
			d.fail(name, "want a text, got %s%s", describeNode(name), quoteHint(name))
		case seen[key]:
			d.fail(name, "%.60q is twice in the list", name.Value)
		default:
			seen[key] = true
		}
	}
}
