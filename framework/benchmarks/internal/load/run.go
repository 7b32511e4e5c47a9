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

// Options say what load is to be made.
type Options struct {
	// Network and Address are those of the filter, for [net.Dial].
	Network, Address string
	// Workload is what the filter plays.
	Workload workload.Name
	// Size is the size of a message; if zero, the workload's own.
	Size workload.Size
	// Message, if not nil, is what is sent in place of the workload's message.
	// Inserted is then the name of the field that the filter is to insert, once
	// and with any value, and nothing else.
	Message  *workload.Message
	Inserted string
	// Conns is the number of connections at the same time; 1 if zero.
	Conns int
	// PerSession is how many messages a connection has; without limit if
	// zero.
	PerSession int
	// Total ends the run after so many messages. Duration ends it after a
	// time. One of them must be given.
	Total    int64
	Duration time.Duration
	// Nagle leaves Nagle's algorithm on, as Postfix does.
	Nagle bool
	// Piece is the most that is written at once; if zero, the size of
	// Postfix's buffer.
	Piece int
}

// The buffers of Postfix's streams, as strace shows them: over TCP it is four
// times what the kernel gives as TCP_MAXSEG, 32,741 on the loopback interface.
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

// run is a run under way.
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

// Run makes load and returns what came of it. What goes wrong with the filter
// is in the result, where a session that fails is followed by another; after
// maxErrors of them the run ends.
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

// maxErrors is how many sessions may fail.
const maxErrors = 20

// scriptFor returns the session for a filter that gave an answer.
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

// work is one connection after the other.
func (r *run) work() {
	w := worker{run: r, took: make([]time.Duration, 0, 1<<14)}
	for first := true; first || !w.over(); first = false { // a late start is a start
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

// worker is what keeps one connection busy.
type worker struct {
	*run
	took     []time.Duration
	sessions int
}

// over reports whether no more messages are to be sent.
func (w *worker) over() bool {
	late := w.Duration > 0 && time.Since(w.start) >= w.Duration
	return late || w.stop.Load() || w.Total > 0 && w.begun.Load() >= w.Total
}

// claim takes one of the messages that are to be sent. The first on a
// connection is sent even when connecting has taken all the time.
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
	return s.bye()
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
