package framework_test

import (
	"testing"

	"github.com/stretchr/testify/assert"

	"github.com/sluicemail/sluice/framework"
	"github.com/sluicemail/sluice/framework/internal/race"
)

// keepsAll is a filter that requests the header and the body, and reads
// neither.
func keepsAll() *framework.Router {
	r := framework.NewRouter()
	r.WantHeaders()
	r.WantBody()
	r.OnEndOfMessage(goesOn)
	return r
}

// Kept content is stored in memory that was used before.
//
//nolint:paralleltest // memory is counted for the whole process
func TestAllocsOfKeeping(t *testing.T) {
	loop := newLoop(t, keepsAll(), everything(20, 200<<10))
	assert.Less(t, testing.AllocsPerRun(100, loop.message), 3+poolLosses(), "a pool may be emptied meanwhile")
}

// BenchmarkSessionKeep keeps a body of 1 MiB in memory.
func BenchmarkSessionKeep(b *testing.B) {
	benchmark(b, keepsAll(), everything(20, mebibyte), mebibyte)
}

// BenchmarkSessionKeepSmall does the same with mail of usual size.
func BenchmarkSessionKeepSmall(b *testing.B) { benchmark(b, keepsAll(), everything(20, 4<<10), 4<<10) }

// poolLosses is how many allocations of a message that is kept the race detector
// adds: with it, a sync.Pool forgets some of what it is given.
func poolLosses() float64 {
	if race.Enabled {
		return 8
	}
	return 0
}
