package yamlconf

import (
	"errors"
	"strconv"
	"strings"

	"go.yaml.in/yaml/v4"
)

// Size is a number of bytes of 1 or more.
type Size struct {
	Bytes int64
	Position
}

// UnmarshalYAML implements [yaml.Unmarshaler].
func (v *Size) UnmarshalYAML(n *yaml.Node) error {
	v.Position = At(n)
	number, shift := n.Value, 0
	for unit, bits := range map[string]int{"KiB": 10, "MiB": 20, "GiB": 30} {
		if rest, ok := strings.CutSuffix(number, unit); ok {
			number, shift = strings.TrimRight(rest, " "), bits
			break
		}
	}
	size, err := strconv.ParseInt(number, 10, 64)
	if err != nil || size <= 0 || size > 1<<62>>shift {
		return errors.New("want a size such as 65536, 64KiB, 256MiB or 16GiB")
	}
	v.Bytes = size << shift
	return nil
}
