package counts

import (
	"errors"
	"fmt"
	"os"
)

// Variable is the environment variable that names the file.
const Variable = "SLUICE_COUNTS"

// T is the part of *testing.T that Add needs.
type T interface {
	Helper()
	Logf(format string, args ...any)
	Errorf(format string, args ...any)
}

// Add logs the count n and appends it to the file. what describes the count in
// a few words and begins with the package: "integration: messages edited,
// postfix". Counts with the same description are added up. A count of 0 makes
// the description appear even if no test did anything.
func Add(t T, n int, what string) {
	t.Helper()
	t.Logf("%d %s", n, what)
	if path := os.Getenv(Variable); path != "" {
		if err := appendLine(path, fmt.Sprintf("%d\t%s\n", n, what)); err != nil {
			t.Errorf("counts: %v", err)
		}
	}
}

// appendLine appends a line in one write, so that several processes can append
// to the same file.
func appendLine(path, line string) error {
	f, err := os.OpenFile(path, os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o600) //nolint:gosec // the tester's own variable
	if err != nil {
		return err
	}
	_, err = f.WriteString(line)
	return errors.Join(err, f.Close())
}
