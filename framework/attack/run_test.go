//go:build integration

package attack_test

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

const (
	workers   = 32 // the hostile connections at the same time
	maxFaults = 10 // after which an attack stops
)

// attack is the hostile connections to one process.
type attack struct {
	target  string // the program and the network
	process *process
	number  int

	next    atomic.Int64
	blocked atomic.Int64 // peers from which the program stopped reading

	mu     sync.Mutex
	played map[string]int // by mutation
	open   map[int]string // the scripts of the connections that are open
	faults []string
}

func newAttack(target string, run *process, number int) *attack {
	return &attack{target: target, process: run, number: number, played: make(map[string]int), open: make(map[int]string)}
}

// run plays all scripts and returns how long it took.
func (a *attack) run(t *testing.T) time.Duration {
	t.Helper()
	start := time.Now()
	var all sync.WaitGroup
	for range workers {
		all.Go(func() {
			more := true
			for more {
				more = a.playNext(t.Context())
			}
		})
	}
	all.Wait()
	return time.Since(start).Round(time.Millisecond)
}

// playNext plays the next script. It returns false if the attack is over.
func (a *attack) playNext(ctx context.Context) bool {
	number := int(a.next.Add(1) - 1)
	if number >= a.number || ctx.Err() != nil {
		return false
	}
	s := newScript(*seed, a.target, number)
	a.begin(number, s)
	blocked, err := s.play(ctx, a.process, nil)
	if blocked {
		a.blocked.Add(1)
	}
	return a.end(number, s, err)
}

func (a *attack) begin(number int, s *script) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.open[number] = s.String()
	for _, name := range s.names {
		a.played[name]++
	}
}

// end returns false if the attack is over. If the process has ended, the
// connections that were open then remain in a.open.
func (a *attack) end(number int, s *script, err error) bool {
	a.mu.Lock()
	defer a.mu.Unlock()
	if err != nil && len(a.faults) < maxFaults {
		a.faults = append(a.faults, fmt.Sprintf("%d: %v: %v", number, s, err))
	}
	if !a.process.alive() {
		return false
	}
	delete(a.open, number)
	return len(a.faults) < maxFaults
}

// mutations returns how often each mutation was played, on one line.
func (a *attack) mutations() string {
	var all []string
	for name, n := range a.played {
		all = append(all, fmt.Sprintf("%d %s", n, name))
	}
	slices.SortFunc(all, func(x, y string) int { return strings.Compare(x[strings.Index(x, " "):], y[strings.Index(y, " "):]) })
	return strings.Join(all, ", ")
}
