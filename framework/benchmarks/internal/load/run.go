package load

import (
	"cmp"
	"context"
	"sync"
	"sync/atomic"
	"time"

	"github.com/sluicemail/sluice/wire"

	"github.com/sluicemail/sluice/framework/benchmarks/internal/workload"
)

// Options specify the load.
type Options struct {
	// Network and Address identify the filter, as for [net.Dial].
	Network, Address string
	// Workload is the workload that the filter runs.
	Workload workload.Name
	// Size is the size of a message. It defaults to the workload's.
	Size workload.Size
	// Message, if not nil, is sent instead of the workload's message. The
	// filter must then insert one field named Inserted, with any value, and
	// make no other modification.
	Message  *workload.Message
	Inserted string
	// Conns is the number of concurrent connections. It defaults to 1.
	Conns int
	// PerSession is the number of messages per connection. Zero means no
	// limit.
	PerSession int
	// Total ends the run after that many messages. Duration ends it after
	// that time. At least one of them must be set.
	Total    int64
	Duration time.Duration
	// Nagle leaves Nagle's algorithm on, as Postfix does.
	Nagle bool
	// Piece is the maximum size of one write. It defaults to the size of
	// Postfix's buffer.
	Piece int
}

// The sizes of the buffers of Postfix's streams, as observed with strace. Over
// TCP the size is four times the kernel's TCP_MAXSEG, which is 32,741 on the
// loopback interface.
const (
	pieceUnix = 4 << 10
	pieceTCP  = 4 * 32741
)

func (o Options) withDefaults() Options {
	o.Size = cmp.Or(o.Size, o.Workload.DefaultSize())
	o.Conns = cmp.Or(o.Conns, 1)
	if o.Network == "unix" {
		o.Piece = cmp.Or(o.Piece, pieceUnix)
	}
	o.Piece = cmp.Or(o.Piece, pieceTCP)
	return o
}

// run is the state of a run.
type run struct {
	Options
	msg   workload.Message
	pool  wire.BufferPool
	begun atomic.Int64
	stop  atomic.Bool
	start time.Time

	mu      sync.Mutex
	scripts map[string]*script // by the filter's answer
	result  Result
	took    []time.Duration
}

// Run generates the load and returns the result. If a session fails, Run counts
// the error and starts another session. After maxErrors errors the run ends.
func Run(ctx context.Context, o Options) Result {
	r := newRun(o)
	defer context.AfterFunc(ctx, func() { r.stop.Store(true) })()
	var wg sync.WaitGroup
	r.start = time.Now()
	for range r.Conns {
		wg.Go(r.work)
	}
	wg.Wait()
	r.result.Elapsed = time.Since(r.start)
	r.result.latencies(r.took)
	return r.result
}

func newRun(o Options) *run {
	o = o.withDefaults()
	r := &run{Options: o, scripts: make(map[string]*script)}
	if o.Message != nil {
		r.msg = *o.Message
	} else {
		r.msg = workload.NewMessage(o.Size)
	}
	return r
}

// maxErrors is the number of failed sessions after which a run ends.
const maxErrors = 20

// scriptFor returns the encoded session for a filter with the given answer.
func (r *run) scriptFor(data []byte, answer *wire.Negotiate) (*script, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if s := r.scripts[string(data)]; s != nil {
		return s, nil
	}
	s, err := compose(answer, &r.msg)
	if err == nil {
		r.scripts[string(data)] = s
	}
	return s, err
}

// work runs sessions, one after the other.
func (r *run) work() {
	w := worker{run: r, took: make([]time.Duration, 0, 1<<14)}
	for first := true; first || !w.over(); first = false { // run at least one session
		if err := w.session(); err != nil {
			w.failed(err)
		}
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.result.Messages += len(w.took)
	r.result.Sessions += w.sessions
	r.took = append(r.took, w.took...)
}

// worker runs the sessions of one connection slot.
type worker struct {
	*run
	took     []time.Duration
	sessions int
}

// over reports whether the run has ended.
func (w *worker) over() bool {
	late := w.Duration > 0 && time.Since(w.start) >= w.Duration
	return late || w.stop.Load() || w.Total > 0 && w.begun.Load() >= w.Total
}

// claim reports whether another message may be sent, and counts it. The first
// message of a connection is sent even if the time is up, because connecting
// may have taken all of the time.
func (w *worker) claim(n int) bool {
	if n > 0 && (w.over() || n == w.PerSession) {
		return false
	}
	return w.begun.Add(1) <= w.Total || w.Total == 0
}

func (w *worker) session() error {
	s, err := w.open()
	if err != nil {
		return err
	}
	n := 0
	for ; w.claim(n); n++ {
		began := time.Now()
		if err := s.message(); err != nil {
			_ = s.conn.Close()
			return err
		}
		w.took = append(w.took, time.Since(began))
	}
	w.sessions += min(n, 1)
	return s.quit()
}

func (w *worker) failed(err error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.result.Errors++
	if w.result.Err == nil {
		w.result.Err = err
	}
	if w.result.Errors >= maxErrors {
		w.stop.Store(true)
	}
}
