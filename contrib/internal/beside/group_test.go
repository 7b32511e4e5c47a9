package beside_test

import (
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/sluicemail/sluice/contrib/internal/beside"
)

func TestGroup(t *testing.T) {
	t.Parallel()
	var g beside.Group
	var n atomic.Int32
	for range 10 {
		g.Go(func() { n.Add(1) })
	}
	g.Wait()
	assert.Equal(t, int32(10), n.Load())
	g.Wait()
}

// All functions end before Wait panics. Its error has what was thrown and where.
func TestPanic(t *testing.T) {
	t.Parallel()
	var g beside.Group
	var n atomic.Int32
	for i := range 10 {
		g.Go(func() {
			n.Add(1)
			if i%3 == 0 {
				explode()
			}
		})
	}
	defer func() {
		err, ok := recover().(error)
		require.True(t, ok)
		require.ErrorContains(t, err, "panic: it explodes\n")
		require.ErrorContains(t, err, "beside_test.explode")
		assert.Equal(t, int32(10), n.Load())
	}()
	g.Wait()
	assert.Fail(t, "it did not panic")
}

func explode() { panic("it explodes") }
