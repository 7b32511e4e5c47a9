package wire

import (
	"strconv"
	"strings"
)

type bitName struct {
	bit  uint32
	name string
}

func bitNames(set uint32, table []bitName) []string {
	var names []string
	for _, b := range table {
		if set&b.bit != 0 {
			names = append(names, b.name)
			set &^= b.bit
		}
	}
	if set != 0 {
		names = append(names, "0x"+strconv.FormatUint(uint64(set), 16))
	}
	return names
}

func joinNames(names []string) string {
	if len(names) == 0 {
		return "0"
	}
	return strings.Join(names, "|")
}
