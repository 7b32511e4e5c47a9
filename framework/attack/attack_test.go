//go:build integration

package attack_test

import (
	"net"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/sluicemail/sluice/framework/internal/counts"
)

// TestAttack attacks each program over each network.
func TestAttack(t *testing.T) {
	t.Parallel()
	t.Logf("-seed %d -connections %d", *seed, *connections)
	networks := []string{"tcp", "unix"}
	number := *connections / (len(programs()) * len(networks))
	for _, p := range programs() {
		for _, network := range networks {
			t.Run(p.name+"/"+network, func(t *testing.T) {
				t.Parallel()
				if *only >= 0 {
					replay(t, p, network)
					return
				}
				attackProgram(t, p, network, number)
			})
		}
	}
}

// attackProgram runs hostile connections against a program. Then it checks that
// the program serves others and has given everything back.
func attackProgram(t *testing.T, p program, network string, number int) {
	t.Helper()
	before := goroutines(baseline(t, p, network))
	run := launch(t, p, network)
	by := newBystander(t, run.milter())
	start := run.status()
	leave := linger(t, run)
	by.run(t)
	a := newAttack(p.name+"/"+network, run, number)
	took := a.run(t)
	served := by.finish()
	leave()

	faults, printed := run.out.found()
	assert.Empty(t, faults, "in the output")
	assert.Empty(t, a.faults, "replay with -seed %d -only NUMBER", *seed)
	require.True(t, run.alive(), "the program has ended, while these connections were open: %v\n%s", a.open, run.out)
	assert.NoError(t, served)
	assert.NoError(t, by.round(t.Context()), "after the attack")
	end := run.status()
	for limit := time.Now().Add(patience); end.descriptors > start.descriptors && time.Now().Before(limit); end = run.status() {
		time.Sleep(10 * time.Millisecond)
	}
	assert.LessOrEqual(t, end.descriptors, start.descriptors, "descriptors are left open")
	run.checkMetrics(t)
	assert.NoError(t, by.conn.Quit(t.Context()))
	after := goroutines(run.quit(t))
	assert.Positive(t, count(after), "there is no dump")
	assert.Empty(t, additional(before, after), "goroutines are left")

	t.Logf("before: %v, %d goroutines", start, count(before))
	t.Logf("after:  %v, %d goroutines; %v, %s printed", end, count(after), took, printed)
	t.Logf("the bystander's slowest message took %v; the program stopped reading from %d peers", by.slowest, a.blocked.Load())
	t.Logf("by mutation: %v", a.mutations())
	counts.Add(t, number, "attack: hostile connections to "+p.name)
	counts.Add(t, by.messages, "attack: messages of a bystander meanwhile, "+p.name)
}

// baseline returns a dump of the goroutines of a program that was not attacked.
func baseline(t *testing.T, p program, network string) string {
	t.Helper()
	run := launch(t, p, network)
	by := newBystander(t, run.milter())
	require.NoError(t, by.round(t.Context()))
	require.NoError(t, by.conn.Quit(t.Context()))
	return run.quit(t)
}

// linger opens connections that stay during the whole attack. A third of them
// sends nothing, a third stops in a frame, and a third never reads. The returned
// function closes them.
func linger(t *testing.T, run *process) (leave func()) {
	t.Helper()
	var conns []net.Conn
	var flooding sync.WaitGroup
	for i := range 9 {
		s := newScript(*seed, "lingering", i)
		neverRead(s)
		conn, err := s.dial(t.Context(), run)
		require.NoError(t, err)
		conns = append(conns, conn)
		switch i % 3 {
		case 1:
			_, err = conn.Write(append(s.prefix(), announced(1000, 'M')...))
			require.NoError(t, err)
		case 2:
			p := &peer{script: s, conn: newChecked(conn, nil, nil)}
			flooding.Go(func() { p.flood(500 * time.Millisecond) })
		}
	}
	return func() {
		flooding.Wait()
		for _, conn := range conns {
			_ = conn.Close() // the program may have ended it
		}
	}
}

// replay plays one connection and logs what was sent and received.
func replay(t *testing.T, p program, network string) {
	t.Helper()
	run := launch(t, p, network)
	log, s := new(transcript), newScript(*seed, p.name+"/"+network, *only)
	_, err := s.play(t.Context(), run, log)
	t.Logf("%v\n%v", s, log)
	assert.NoError(t, err)
	faults, _ := run.out.found()
	assert.Empty(t, faults, "in the output")
	assert.True(t, run.alive(), "the program has ended:\n%s", run.out)
}
