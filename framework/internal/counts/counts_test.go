package counts_test

import (
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/sluicemail/sluice/framework/internal/counts"
)

// fakeT records the calls to it.
type fakeT struct{ logs, errors []string }

func (*fakeT) Helper() {}

func (t *fakeT) Logf(format string, args ...any) {
	t.logs = append(t.logs, fmt.Sprintf(format, args...))
}

func (t *fakeT) Errorf(format string, args ...any) {
	t.errors = append(t.errors, fmt.Sprintf(format, args...))
}

func TestAdd(t *testing.T) {
	path := filepath.Join(t.TempDir(), "counts")
	t.Setenv(counts.Variable, path)
	fake := new(fakeT)
	counts.Add(fake, 2, "a: of these")
	counts.Add(fake, 0, "b: of those")
	got, err := os.ReadFile(path)
	require.NoError(t, err)
	assert.Equal(t, "2\ta: of these\n0\tb: of those\n", string(got))
	assert.Equal(t, []string{"2 a: of these", "0 b: of those"}, fake.logs)
	assert.Empty(t, fake.errors)
}

func TestAddWithoutAFile(t *testing.T) {
	t.Setenv(counts.Variable, "")
	fake := new(fakeT)
	counts.Add(fake, 1, "a: of these")
	assert.Equal(t, []string{"1 a: of these"}, fake.logs)
	assert.Empty(t, fake.errors)
}

func TestAddToNoFile(t *testing.T) {
	t.Setenv(counts.Variable, t.TempDir())
	fake := new(fakeT)
	counts.Add(fake, 1, "a: of these")
	assert.Len(t, fake.errors, 1)
}
