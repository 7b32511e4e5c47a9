package replay

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"time"
)

// grace is how long a filter that owes no answer is watched.
const grace = 50 * time.Millisecond

// watched is a connection to a filter that notices if the filter closes it.
type watched struct {
	net.Conn

	closed bool
}

// Read implements net.Conn.
func (w *watched) Read(p []byte) (int, error) {
	n, err := w.Conn.Read(p)
	if err != nil && !errors.Is(err, os.ErrDeadlineExceeded) {
		w.closed = true
	}
	return n, err
}

// watch checks a filter after a message that the client left: the MTA waits for no answer then,
// so nothing else shows that the filter has closed the connection, or answers what needs no
// answer. Either makes it fail at the next message of the session.
func (g *game) watch(ctx context.Context) {
	last := len(g.new.runs) - 1
	if last < 0 || g.conv.texts[last].alone || !g.new.runs[last].endless || !g.old.runs[last].endless {
		return
	}
	err := g.conn.Silent(ctx, grace)
	switch {
	case err == nil && g.link.closed:
		g.new.runs[last].err = errLeft
	case err != nil:
		g.new.runs[last].fail(err)
	}
}

var errLeft = errors.New("the filter closed the connection before the end of the session")

// fail notes how the filter failed. If it has closed the connection, the error of a write does
// not say so.
func (r *run) fail(err error) {
	if op, ok := errors.AsType[*net.OpError](err); ok && op.Op == "write" && !op.Timeout() {
		err = fmt.Errorf("%w: %w", errLeft, err)
	}
	r.err = err
}
