package configfile_test

import (
	"context"
	"errors"
	"fmt"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/sluicemail/sluice/contrib/configfile"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func TestLoader(t *testing.T) {
	t.Parallel()
	l := configfile.NewLoader[string]()
	broken := errors.New("broken")
	for range 3 {
		got, err := l.Load(t.Context(), func() (string, error) { return "text", broken })
		assert.Equal(t, "text", got)
		require.ErrorIs(t, err, broken)
	}
}

// TestLoaderThatHangs shows that at most one function hangs, that each caller
// waits no longer than its context, and that the loader works again once the
// function has ended.
func TestLoaderThatHangs(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		l := configfile.NewLoader[int]()
		var started atomic.Int32
		mount := make(chan struct{})
		hang := func() (int, error) { started.Add(1); <-mount; return 1, nil }
		slow := errors.New("too slow")
		load := func(f func() (int, error)) (int, error) {
			ctx, cancel := context.WithTimeoutCause(t.Context(), 30*time.Second, slow)
			defer cancel()
			return l.Load(ctx, f)
		}
		begin := time.Now()
		_, err := load(hang)
		require.ErrorIs(t, err, slow)
		require.ErrorContains(t, err, "gave up reading the files")
		for range 5 {
			_, err = load(hang)
			require.ErrorIs(t, err, slow)
			require.ErrorContains(t, err, "an earlier read of the files has not ended")
		}
		assert.Equal(t, 6*30*time.Second, time.Since(begin))
		assert.EqualValues(t, 1, started.Load())
		close(mount)
		got, err := load(func() (int, error) { return 2, nil })
		require.NoError(t, err)
		assert.Equal(t, 2, got, "the result that came too late is dropped")
	})
}

// TestLoaderWaitsForItsTurn loads while an earlier function still runs.
func TestLoaderWaitsForItsTurn(t *testing.T) {
	t.Parallel()
	l := configfile.NewLoader[int]()
	first, release := make(chan struct{}), make(chan struct{})
	results := make(chan int, 2)
	go func() {
		n, err := l.Load(t.Context(), func() (int, error) { close(first); <-release; return 1, nil })
		assert.NoError(t, err)
		results <- n
	}()
	<-first
	go func() {
		n, err := l.Load(t.Context(), func() (int, error) { return 2, nil })
		assert.NoError(t, err)
		results <- n
	}()
	close(release)
	assert.ElementsMatch(t, []int{1, 2}, []int{<-results, <-results})
}

// A filter reads its file again and waits at most 30 seconds.
func ExampleLoader() {
	loader := configfile.NewLoader[string]()
	reload := func(path string) (string, error) {
		ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
		defer cancel()
		return loader.Load(ctx, func() (string, error) {
			text, _, err := configfile.Read(path, 1<<20)
			return string(text), err
		})
	}
	_, err := reload("/dev/null")
	fmt.Println(err)
	// Output: /dev/null: not a regular file: it is a device
}
