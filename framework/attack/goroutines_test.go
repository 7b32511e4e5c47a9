//go:build integration

package attack_test

import (
	"slices"
	"strings"
)

// goroutines groups the goroutines of a dump by where they began. Those of the
// runtime are left out, also the number 0, which each thread has.
func goroutines(dump string) map[string][]string {
	groups := make(map[string][]string)
	for stack := range strings.SplitSeq(dump, "\n\n") {
		stack = strings.TrimLeft(stack, "\n")
		switch {
		case !strings.HasPrefix(stack, "goroutine "), strings.HasPrefix(stack, "goroutine 0 "):
		case strings.Contains(stack, "created by runtime."):
		default:
			groups[began(stack)] = append(groups[began(stack)], stack)
		}
	}
	return groups
}

// began returns the outermost function of a stack that belongs neither to the
// runtime nor to package sync. That may be the function that started the
// goroutine.
func began(stack string) string {
	lines := strings.Split(stack, "\n")
	for _, line := range slices.Backward(lines[1:]) {
		name, created := strings.CutPrefix(line, "created by ")
		if created {
			name, _, _ = strings.Cut(name, " in goroutine")
		} else {
			name = name[:max(0, strings.LastIndexByte(name, '('))] // without the arguments
		}
		if name != "" && name[0] != '\t' && !strings.HasPrefix(name, "runtime.") && !strings.HasPrefix(name, "sync.") {
			return name
		}
	}
	return "unknown"
}

// count returns the number of goroutines in all groups.
func count(groups map[string][]string) (n int) {
	for _, group := range groups {
		n += len(group)
	}
	return n
}

// additional returns the stacks of the groups that are larger than before.
func additional(before, after map[string][]string) (stacks []string) {
	for name, group := range after {
		if len(group) > len(before[name]) {
			stacks = append(stacks, group[len(before[name]):]...)
		}
	}
	return stacks
}
