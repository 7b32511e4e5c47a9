package yamlconf

import (
	"slices"

	"go.yaml.in/yaml/v4"
)

// Same reports whether two nodes have the same values, whatever their places, their comments
// and their style. Nil is the same as nil.
func Same(a, b *yaml.Node) bool {
	if a == nil || b == nil {
		return a == b
	}
	return a.Kind == b.Kind && a.ShortTag() == b.ShortTag() && a.Value == b.Value && Same(a.Alias, b.Alias) &&
		slices.EqualFunc(a.Content, b.Content, Same)
}
