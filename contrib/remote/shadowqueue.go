package remote

import (
	"context"
	"log/slog"
	"runtime/debug"
	"sync"

	"github.com/sluicemail/sluice/framework"
	"github.com/sluicemail/sluice/wire/mta"
)

// queue holds what a session's goroutine has yet to do.
type queue struct {
	shadow *shadow
	wake   chan struct{} // has room for one

	mu    sync.Mutex
	tasks []task
	ended bool // no task follows
	dead  bool // no task is done any more
}

// task is something to do, and the memory that waits for it.
type task struct {
	size int
	do   func(*worker)
}

func newQueue(sh *shadow) *queue { return &queue{shadow: sh, wake: make(chan struct{}, 1)} }

// add adds a task, for which memory is reserved. It does not wait.
func (q *queue) add(size int, do func(*worker)) {
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.dead {
		q.shadow.release(size)
		return
	}
	q.tasks = append(q.tasks, task{size, do})
	q.signal()
}

// close ends the session when all tasks are done.
func (q *queue) close() {
	q.mu.Lock()
	q.ended = true
	q.mu.Unlock()
	q.signal()
}

func (q *queue) signal() {
	select {
	case q.wake <- struct{}{}:
	default: // it is awake already
	}
}

// next takes the next task. ok is false if there is none, and ended reports whether none will come.
func (q *queue) next() (t task, ok, ended bool) {
	q.mu.Lock()
	defer q.mu.Unlock()
	if len(q.tasks) == 0 {
		return task{}, false, q.ended
	}
	t, q.tasks[0] = q.tasks[0], task{} // so that nothing of it stays in memory
	q.tasks = q.tasks[1:]
	return t, true, false
}

// drop drops the tasks that are not done, and those to come.
func (q *queue) drop() {
	q.mu.Lock()
	defer q.mu.Unlock()
	for _, t := range q.tasks {
		q.shadow.release(t.size)
	}
	q.tasks, q.dead = nil, true
}

// worker is the goroutine of a session that talks to the milter. It is the only one that uses
// the fields.
type worker struct {
	mirror *mirror
	queue  *queue
	id     string
	log    *slog.Logger
	offer  mta.Offer
	ss     session

	client  Decision // about the session
	lost    error    // why the milter got nothing more of the session
	message shadowWork
}

// shadowWork is what the milter did in a message.
type shadowWork struct {
	sent    transaction
	verdict Decision
	done    bool // it gets no more of the message
	err     error
	refused []refusal
	ended   bool   // it got the end of the message
	edits   []Edit // that it asked for, if the message passes
}

// shadowEnd is the end of a message for the milter.
type shadowEnd struct {
	ending

	header *header // as the milter was shown it
}

// refusal is a recipient that was refused.
type refusal struct {
	addr    string
	verdict framework.Verdict
}

// run does the tasks of the session until it ends.
func (w *worker) run() {
	ctx := w.mirror.shadow.ctx
	defer w.mirror.shadow.release(sessionCost)
	defer w.queue.drop() // also if Report ends the goroutine
	defer w.bye()
	for ctx.Err() == nil {
		t, ok, ended := w.queue.next()
		switch {
		case ok:
			w.do(t)
			continue
		case ended:
			return
		}
		select {
		case <-w.queue.wake:
		case <-ctx.Done():
		}
	}
}

// do does a task. A panic of Report or Normalize ends no more than the comparison.
func (w *worker) do(t task) {
	defer w.mirror.shadow.release(t.size)
	defer func() {
		if v := recover(); v != nil {
			w.mirror.shadow.counts.failed.Add(1)
			w.log.Error("shadow panicked", "filter", w.mirror.lane.filter.cfg.Name, "panic", v, "stack", string(debug.Stack()))
		}
	}()
	t.do(w)
}

// bye ends the session for the milter.
func (w *worker) bye() {
	link := w.ss.link
	if link == nil {
		return
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(w.mirror.shadow.ctx), lastCommands)
	defer cancel()
	if w.ss.open {
		_ = link.Abort()
	}
	link.ticket.succeeded()
	link.keep(ctx)
}

// dropMessage ends a message of which the milter did not get all.
func (w *worker) dropMessage() {
	w.abort()
	w.message = shadowWork{}
}

// abort tells the milter that the message is over, if it is in it.
func (w *worker) abort() {
	if w.ss.link == nil || !w.ss.open || w.message.sent.link != w.ss.link {
		return
	}
	w.ss.open = false
	if w.ss.link.Abort() != nil || w.ss.link.Flush(w.mirror.shadow.ctx) != nil {
		_ = w.ss.link.Close() // the next message finds out, and takes another connection
	}
}

// event sends an event to the milter, unless the milter has decided before, and records the
// answer.
func (w *worker) event(stage framework.Stage, st *step, early []packet, end *shadowEnd) {
	w.ss.early = append(w.ss.early, early...)
	msg := &w.message
	ofSession := stage == framework.StageConnect || stage == framework.StageHelo
	if stage == framework.StageHelo && w.client.Stage == framework.StageHelo && !w.client.passes() {
		w.client = Decision{} // the client may correct its HELO
	}
	if w.lost != nil || w.client.Verdict != framework.Continue || !ofSession && msg.done {
		return
	}
	var sent *transaction
	if !ofSession {
		sent = &msg.sent
	}
	resp, err := w.mirror.lane.exchange(w.mirror.shadow.ctx, offers(w.offer), &w.ss, sent, st)
	var v framework.Verdict
	if err == nil {
		v, err = verdict(stage, resp)
	}
	switch {
	case err != nil && ofSession:
		w.lost = err
	case err != nil:
		msg.err, msg.done = err, true
	case stage == framework.StageUnknown:
	case stage == framework.StageEndOfMessage:
		w.ss.link.ticket.succeeded()
		msg.ended, msg.done = true, true
		if msg.verdict = (Decision{v, stage}); msg.verdict.passes() {
			msg.edits, msg.err = end.edits()
		}
	case v == framework.Continue || v == framework.SkipBody:
	case ofSession:
		w.client = Decision{v, stage}
	case stage == framework.StageRcpt && v.Refuses():
		if st.recipient != "" {
			msg.refused = append(msg.refused, refusal{st.recipient, v})
		}
	default:
		msg.verdict, msg.done = Decision{v, stage}, true
	}
}
