package framework_test

import (
	"errors"
	"io"
	"math/rand/v2"
	"net"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/sluicemail/sluice/framework"
	"github.com/sluicemail/sluice/framework/miltertest"
	"github.com/sluicemail/sluice/wire"
)

// Many concurrent messages share the budgets. Each is kept completely or
// refused temporarily, and the budgets are never exceeded.
func TestManyAtOnce(t *testing.T) {
	t.Parallel()
	const senders, each, memory, disk = 10, 6, 300 << 10, 400 << 10
	k := newKeeper(t, chain(wants), func(cfg *framework.Config) { cfg.MemoryBudget, cfg.DiskBudget = memory, disk })
	var accepted, refused atomic.Uint64
	var all sync.WaitGroup
	for sender := range senders {
		conn, rnd := k.dial(), rand.New(rand.NewPCG(uint64(sender), 3))
		all.Go(func() {
			for range each {
				body := strings.Repeat("0123456789abcd\r\n", rnd.IntN(16<<10))
				switch got := fate(t, conn, miltertest.Message("A: b\n\n"+body)); got {
				case "accepted":
					accepted.Add(1)
				case shortOfStorage:
					refused.Add(1)
				default:
					t.Error(got)
				}
				stats := k.Stats()
				assert.LessOrEqual(t, stats.KeptMemory, int64(memory))
				assert.LessOrEqual(t, stats.KeptDisk, int64(disk))
			}
			assert.NoError(t, conn.Quit(t.Context()))
		})
	}
	all.Wait()
	assert.NotZero(t, accepted.Load())
	assert.EqualValues(t, senders*each, accepted.Load()+refused.Load())
	assert.Equal(t, refused.Load(), k.Stats().NoRoom)
}

// The memory for many concurrent bodies is bounded by the budget, and by the
// buffer of each connection that receives a body.
//
//nolint:paralleltest // memory is counted for the whole process
func TestMemoryOfManyBodies(t *testing.T) {
	const sessions, size, budget, connection = 60, 600 << 10, 4 << 20, 100 << 10
	k := newKeeper(t, chain(wants), func(cfg *framework.Config) { cfg.MemoryBudget = budget })
	script := opening(t)
	script = append(script, raw('M', "<a@example.org>\x00")...)
	script = append(script, raw('R', "<b@example.org>\x00")...)
	for range size / wire.MaxBodyChunk {
		script = append(script, raw('B', strings.Repeat("x", wire.MaxBodyChunk))...)
	}
	before, released := heap(), make(chan struct{})
	var idle, all sync.WaitGroup
	for range sessions {
		idle.Add(1)
		conn := &heldConn{scriptConn{rest: script}, idle.Done, released}
		all.Go(func() { k.ServeConn(conn) })
	}
	idle.Wait()
	took, stats := heap()-before, k.Stats()
	t.Logf("%d KiB for %d bodies of %d KiB; %d KiB kept in memory, %d KiB in files",
		took>>10, sessions, size>>10, stats.KeptMemory>>10, stats.KeptDisk>>10)
	assert.Less(t, took, int64(budget+sessions*connection))
	assert.Greater(t, stats.KeptMemory, int64(budget/2), "the memory that there is is used")
	assert.Greater(t, stats.KeptDisk, int64(sessions*size-2*budget-sessions*wire.MaxBodyChunk))
	close(released)
	all.Wait()
	k.settled()
}

// heap returns the number of bytes in use.
func heap() int64 {
	var m runtime.MemStats
	for range 3 { // the second collection empties the pools
		runtime.GC()
	}
	runtime.ReadMemStats(&m)
	return int64(m.HeapAlloc)
}

// heldConn is an MTA that stops sending after its script.
type heldConn struct {
	scriptConn
	idle     func()
	released chan struct{}
}

func (c *heldConn) Read(p []byte) (int, error) {
	if len(c.rest) == 0 {
		c.idle()
		<-c.released
		return 0, io.EOF
	}
	n := copy(p, c.rest)
	c.rest = c.rest[n:]
	return n, nil
}

var _ net.Conn = (*heldConn)(nil)

// The budgets are completely released, whatever an MTA and the handlers do, in
// any order.
func TestNothingStaysTaken(t *testing.T) {
	t.Parallel()
	seed := uint64(time.Now().UnixNano())
	t.Logf("seed %d", seed)
	rnd := rand.New(rand.NewPCG(seed, 5))
	for round := range 80 {
		var readers sync.WaitGroup
		r := chain(wants)
		r.Mount(miltertest.FilterFunc("early", early(t, &readers)))
		r.Mount(miltertest.FilterFunc("moody", moody), framework.FailOpen())
		r.Mount(miltertest.FilterFunc("replacing", replacing))
		r.Mount(miltertest.FilterFunc("looking", func(r *framework.Router) error { r.ObserveBody(watches); return nil }))
		k := newKeeper(t, r, func(cfg *framework.Config) {
			cfg.MemoryBudget, cfg.DiskBudget = 1<<rnd.IntN(20), 1<<rnd.IntN(20)
			cfg.SpoolMemory, cfg.MaxSpool = 1<<rnd.IntN(18), 1<<rnd.IntN(20)
		})
		script := append(opening(t), chatter(rnd)...)
		conn, done := &scriptConn{rest: script[:len(script)-rnd.IntN(len(script))/3]}, make(chan struct{})
		go func() { // in a new goroutine, because some handlers end theirs
			defer close(done)
			k.ServeConn(conn)
		}()
		<-done
		k.settled()
		readers.Wait()
		require.False(t, t.Failed(), "round %d", round)
	}
}

// moods lists what a header field can make a handler do.
var moods = []string{"fine", "panic", "exit", "accept", "reject", "error", "replace", "replace broken", "replace panic", "replace exit", "early panic", "early exit", "early error", "long " + strings.Repeat("x", 3000)}

// moody is a filter that does what the header says.
func moody(r *framework.Router) error {
	if err := wants(r); err != nil {
		return err
	}
	r.OnHeader(func(_ *framework.Session, h *framework.Header) (framework.Verdict, error) {
		switch h.Value() {
		case "panic":
			panic(errBroken)
		case "exit":
			runtime.Goexit()
		case "accept":
			return framework.Accept, nil
		case "reject":
			return framework.Reject, nil
		case "error":
			return framework.Continue, errBroken
		}
		return framework.Continue, nil
	})
	return nil
}

// early registers a filter whose goroutines read the message until it ends, while other
// filters work. It does what the header says, too.
func early(t *testing.T, readers *sync.WaitGroup) func(*framework.Router) error {
	t.Helper()
	return func(r *framework.Router) error {
		message, body, headers := r.WantMessage(), r.WantBody(), r.WantHeaders()
		r.BeforeEndOfMessage(func(s *framework.Session) error {
			for _, reader := range []io.Reader{message.Reader(s), body.Reader(s), message.Reader(s)} {
				readers.Go(func() {
					_, err := reader.Read(make([]byte, 1))
					for err == nil || errors.Is(err, io.EOF) {
						_, err = reader.Read(make([]byte, 1<<10))
					}
					assert.ErrorIs(t, err, framework.ErrMessageOver)
				})
			}
			switch mood, _ := headers.First(s, "X-Mood"); mood.Value {
			case "early panic":
				panic(errBroken)
			case "early exit":
				runtime.Goexit()
			case "early error":
				return errBroken
			}
			return nil
		})
		return nil
	}
}

// replacing replaces the body as the header says.
func replacing(r *framework.Router) error {
	body, headers := r.GrantReplaceBody(), r.WantHeaders()
	r.OnEndOfMessage(func(s *framework.Session, _ *framework.EndOfMessage) (framework.Verdict, error) {
		first, _ := headers.First(s, "X-Mood")
		after := map[string]func(){
			"replace": func() {}, "replace broken": nil, "replace panic": func() { panic(errBroken) }, "replace exit": runtime.Goexit,
		}
		then, ok := after[first.Value]
		if !ok {
			return framework.Continue, nil
		}
		return framework.Continue, body.ReplaceFrom(s, &moodyReader{strings.NewReader(strings.Repeat("new\r\n", 20_000)), then})
	})
	return nil
}

// moodyReader does something at its end, or fails there.
type moodyReader struct {
	*strings.Reader
	then func()
}

func (r *moodyReader) Read(p []byte) (int, error) {
	n, err := r.Reader.Read(p)
	switch {
	case !errors.Is(err, io.EOF):
	case r.then == nil:
		return n, errBroken
	default:
		r.then()
	}
	return n, err
}

// chatter returns the commands of an MTA for several messages, some of which
// are complete.
func chatter(rnd *rand.Rand) (script []byte) {
	add := func(times int, code byte, data string) {
		for range times {
			script = append(script, raw(code, data)...)
		}
	}
	for range 1 + rnd.IntN(4) {
		add(1, 'M', "<a@example.org>\x00")
		add(1+rnd.IntN(3), 'R', "<b@example.org>\x00")
		add(1, 'T', "")
		for range rnd.IntN(3) {
			add(1, 'L', "X-Mood\x00"+moods[rnd.IntN(len(moods))]+"\x00")
		}
		add(1, 'N', "")
		add(rnd.IntN(4), 'B', strings.Repeat("line\r\n", 1<<rnd.IntN(14)%10_000))
		add(rnd.IntN(3), "EEEAKHMLQ"[rnd.IntN(9)], "")
	}
	return script
}
