package framework_test

import (
	"io"
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

// A whole message takes no more than its header and its body.
//
//nolint:paralleltest // memory is counted for the whole process
func TestAllocsOfKeepingMessages(t *testing.T) {
	r := framework.NewRouter()
	r.WantMessage()
	r.OnEndOfMessage(goesOn)
	loop := newLoop(t, r, everything(20, 200<<10))
	assert.Less(t, testing.AllocsPerRun(100, loop.message), 3+poolLosses(), "a pool may be emptied meanwhile")
}

// Reading a message takes memory for its fields, and none for its body.
//
//nolint:paralleltest // memory is counted for the whole process
func TestAllocsOfReadingMessages(t *testing.T) {
	const fields = 20
	r := framework.NewRouter()
	message := r.WantMessage()
	r.OnEndOfMessage(func(s *framework.Session, _ *framework.EndOfMessage) (framework.Verdict, error) {
		_, err := io.Copy(io.Discard, message.Reader(s))
		return framework.Continue, err
	})
	loop := newLoop(t, r, everything(fields, 200<<10))
	const reader, fieldBuffer = 5, 3 // allocations
	assert.LessOrEqual(t, testing.AllocsPerRun(100, loop.message), 2*fields+reader+fieldBuffer+3+poolLosses())
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
