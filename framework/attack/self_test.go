//go:build integration

package attack_test

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// A seed and a number lead to the same script again, and every mutation is drawn.
func TestScripts(t *testing.T) {
	t.Parallel()
	drawn := make(map[string]bool)
	for number := range 3000 {
		s := newScript(*seed, "x", number)
		for _, name := range s.names {
			drawn[name] = true
		}
		if number%10 == 0 {
			again := newScript(*seed, "x", number)
			require.Equal(t, s.String(), again.String())
			require.Equal(t, s.prefix(), again.prefix())
			require.Equal(t, s.tail(), again.tail())
		}
	}
	for _, m := range mutations() {
		assert.True(t, drawn[m.name], m.name)
	}
}

// A mark of a fault is found wherever a write ends, and the end of a long output
// is kept.
func TestOutput(t *testing.T) {
	t.Parallel()
	const text = "level=INFO msg=serving\nfatal error: all goroutines are asleep\n"
	for cut := range len(text) {
		o := new(output)
		for _, part := range []string{text[:cut], text[cut:]} {
			n, err := o.Write([]byte(part))
			require.NoError(t, err)
			require.Equal(t, len(part), n)
		}
		faults, _ := o.found()
		assert.Len(t, faults, 1, "cut at %d", cut)
	}
	o := new(output)
	for range 3000 {
		_, err := o.Write([]byte(strings.Repeat("x", 100)))
		require.NoError(t, err)
	}
	_, err := o.Write([]byte("the end"))
	require.NoError(t, err)
	faults, printed := o.found()
	assert.Empty(t, faults)
	assert.Equal(t, "0.3 MB", printed)
	assert.True(t, strings.HasSuffix(o.String(), "x"+"the end"))
	assert.Less(t, len(o.String()), 3*kept)
}

// The goroutines of a dump are compared by where they began.
func TestGoroutines(t *testing.T) {
	t.Parallel()
	const (
		thread  = "goroutine 0 gp=0x9cff60 m=0 mp=0x9d0f60 [idle]:\nruntime.futex(0x1)\n\t/go/x.s:569 +0x21\n"
		gc      = "goroutine 3 [GC sweep wait]:\nruntime.bgsweep(0x1)\n\t/go/mgcsweep.go:324 +0x151\ncreated by runtime.gcenable in goroutine 1\n\t/go/mgc.go:214 +0x66\n"
		main    = "goroutine 1 [chan receive]:\nmain.main()\n\t/x/main.go:19 +0xd8\nruntime.main()\n\t/go/proc.go:290 +0x2d5\n"
		session = "goroutine 7 [select]:\na/framework.(*connection).loop(0x1)\n\t/x/c.go:1 +0x1\ncreated by a/framework.(*Server).Serve in goroutine 1\n\t/x/s.go:86 +0x1\n"
		waiting = "goroutine 8 [select]:\na/b.(*service).start.func1()\n\t/x/c.go:1 +0x1\nsync.(*WaitGroup).Go.func1()\n\t/go/w.go:1 +0x1\ncreated by sync.(*WaitGroup).Go in goroutine 1\n\t/go/w.go:2 +0x1\n"
	)
	dump := func(stacks ...string) map[string][]string {
		return goroutines("SIGQUIT: quit\nPC=0x4cbca1 m=0\n\n" + strings.Join(stacks, "\n") + "\nrax 0x1\n")
	}
	before := dump(thread, main, waiting)
	assert.Equal(t, 2, count(before))
	assert.Empty(t, additional(before, dump(main, gc, waiting)))
	assert.Empty(t, additional(before, dump(main)))
	assert.Len(t, additional(before, dump(main, gc, waiting, waiting, session)), 2)
	assert.Contains(t, before, "a/b.(*service).start.func1")
	assert.Contains(t, dump(session), "a/framework.(*Server).Serve")
}
