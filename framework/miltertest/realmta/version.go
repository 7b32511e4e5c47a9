package realmta

import (
	"cmp"
	"strconv"
	"strings"
)

// AtLeast reports whether a server's version is the given one or a later one.
// Only the parts that the given version has count: 3.10.13 is at least "3.10",
// and 3.7.11 is not. Use it if versions of a server behave differently.
func AtLeast(mta MTA, version string) bool {
	return compareVersions(mta.Version(), version) >= 0
}

// compareVersions compares the parts that both versions have.
func compareVersions(a, b string) int {
	as, bs := strings.Split(a, "."), strings.Split(b, ".")
	for i := range min(len(as), len(bs)) {
		if c := cmp.Compare(leadingNumber(as[i]), leadingNumber(bs[i])); c != 0 {
			return c
		}
	}
	return 0
}

// leadingNumber returns the number that a part of a version begins with, such
// as 12 for "12-20260115", or -1.
func leadingNumber(part string) int {
	digits := part[:len(part)-len(strings.TrimLeft(part, "0123456789"))]
	number, err := strconv.Atoi(digits)
	if err != nil {
		return -1
	}
	return number
}
