package counts

import (
	"errors"
	"fmt"
	"os"
)

// Variable is the environment variable that names the file.
const Variable = "SLUICE_COUNTS"

// T is what a test is needed for.
type T interface {
	Helper()
	Logf(format string, args ...any)
	Errorf(format string, args ...any)
}

// Add logs that the test did n of something, and adds it to the file. What was
// done is a few words that begin with the package: "integration: messages
// edited, postfix". Counts of the same words are summed, so that 0 is worth
// adding too.
func Add(t T, n int, what string) {
	t.Helper()
	t.Logf("%d %s", n, what)
	if path := os.Getenv(Variable); path != "" {
		if err := appendLine(path, fmt.Sprintf("%d\t%s\n", n, what)); err != nil {
			t.Errorf("counts: %v", err)
		}
	}
}

// appendLine adds a line in one write, beside those of other processes.
func appendLine(path, line string) error {
	f, err := os.OpenFile(path, os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o600) //nolint:gosec // the tester's own variable
	if err != nil {
		return err
	}
	_, err = f.WriteString(line)
	return errors.Join(err, f.Close())
}
