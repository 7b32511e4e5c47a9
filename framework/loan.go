package framework

import (
	"errors"
	"io"
	"sync"
)

// loan is the time during which readers of the message may be used. After that, the
// framework reuses the memory and the files that the readers read. A filter may have passed
// a reader to another goroutine, so that the end of the loan waits for a Read that runs.
//
// The loan of a lane's readers ends when the lane's modifications are applied. Each reader
// that was taken before the end of the message has an early loan, which ends with the
// message. An early reader is made for a goroutine that learns of that end while it reads,
// so that such a Read is not a mistake.
type loan struct {
	mu     sync.Mutex
	over   bool
	early  bool
	shared *shared
	filter string // whose handler took the first reader
	peer   string
}

var (
	// errOver is returned by a reader whose loan is over.
	errOver = errors.New("framework: a reader of the message is used after the filter's end of the message")
	// errClosed is returned by a reader that the filter has closed.
	errClosed = errors.New("framework: a reader of the message is used after its Close")
)

// end ends the loan. It waits for a Read that runs.
func (l *loan) end() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.over = true
}

// warn logs that a reader is used too late, once for each filter and method.
func (l *loan) warn(call string) {
	if l.shared.wrongStages.first(l.filter, numStages, call) {
		l.shared.cfg.Logger.Warn("reader used too late", "filter", l.filter, "peer", l.peer, "call", call, "error", errOver)
	}
}

// lentReader is a reader that fails once it is closed or its loan is over.
type lentReader struct {
	loan *loan
	call string
	src  io.Reader // nil after Close; guarded by the loan's mutex
	size int64     // about what src reads
}

// Read implements io.Reader.
func (r *lentReader) Read(p []byte) (int, error) {
	r.loan.mu.Lock()
	defer r.loan.mu.Unlock()
	if r.src == nil {
		return 0, errClosed
	}
	switch {
	case r.loan.over && r.loan.early:
		return 0, ErrMessageOver
	case r.loan.over:
		r.loan.warn(r.call)
		return 0, errOver
	}
	return r.src.Read(p)
}

// Close implements io.Closer. It waits for a Read that runs. A filter that closes its reader
// knows that the loan ends, so that later reads are not logged.
func (r *lentReader) Close() error {
	r.loan.mu.Lock()
	defer r.loan.mu.Unlock()
	r.src = nil
	return nil
}

// maxCopied is the size of the buffer of io.Copy.
const maxCopied = 32 << 10

// WriteTo implements io.WriterTo. It needs a smaller buffer than io.Copy for a small
// message. It does not pass on the memory of the message itself, because w may still use
// it when the loan ends.
func (r *lentReader) WriteTo(w io.Writer) (int64, error) {
	return io.CopyBuffer(w, struct{ io.Reader }{r}, make([]byte, min(r.size+1, maxCopied)))
}
