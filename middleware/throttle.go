package middleware

import (
	"errors"
	"fmt"
	"time"

	"github.com/sluicemail/sluice/framework"
)

// ThrottleConfig configures [Throttle] and [MaxMessages]. The limits apply to
// each filter separately, over all of its connections.
type ThrottleConfig struct {
	// Max is the number of handlers or messages at a time, at least 1.
	Max int
	// Queue is the number of handlers or messages that may wait. 0 means that
	// none waits.
	Queue int
	// Wait is the longest time to wait. 0 means until the session's context
	// ends, which is as long as the framework allows a handler. It should be
	// well below the timeout of the MTA: Postfix waits 30 seconds for the
	// reply to a command.
	Wait time.Duration
	// Full is the verdict if Max is reached and the queue is full, or if the
	// wait was too long. It must be a verdict that refuses. The zero value
	// means 451 4.3.2, "mail filter is busy, try again later".
	Full framework.Verdict
}

// check returns an error if the configuration is not valid.
func (cfg *ThrottleConfig) check() error {
	switch {
	case cfg.Max < 1:
		return fmt.Errorf("ThrottleConfig.Max is %d, and must be at least 1", cfg.Max)
	case cfg.Queue < 0 || cfg.Wait < 0:
		return errors.New("ThrottleConfig.Queue and Wait must not be negative")
	case cfg.Full != framework.Continue && !cfg.Full.Refuses():
		return fmt.Errorf("ThrottleConfig.Full is %v, which does not refuse the message", cfg.Full)
	}
	return nil
}

func (cfg *ThrottleConfig) full() framework.Verdict {
	if cfg.Full == framework.Continue {
		return framework.MustReply(451, "4.3.2", "mail filter is busy, try again later")
	}
	return cfg.Full
}

// Throttle limits how many of the wrapped handlers run at the same time. A
// handler counts until it returns or panics. It suits handlers that do expensive
// work at one stage, above all at the end of the message, where the handler does
// not wait for a slow client.
//
// Handlers of Abort and Close always run, because they release resources. If Throttle
// wraps no other handler in the router, [framework.Router.Plan] returns an error.
//
// It adds nothing to the plan.
func Throttle(cfg ThrottleConfig) framework.Middleware {
	slots, full := framework.OncePerFilter(framework.PerConnection[sessionTicket]), cfg.full()
	semaphores := framework.OncePerFilter(func(*framework.Route) *semaphore { return newSemaphore(&cfg) })
	needed := needsEffect(errors.New("wraps no handler but those of Abort and Close, which it does not limit"))
	return func(rt *framework.Route, next framework.Handler) framework.Handler {
		if err := cfg.check(); err != nil {
			rt.Errorf("%w", err)
			return next
		}
		if !needed.watch(rt, !isCleanup(rt.Stage())) {
			return next
		}
		slot, sem := slots(rt), semaphores(rt)
		return func(s *framework.Session, ev framework.Event) (framework.Verdict, error) {
			t := slot.Get(s)
			if t.held {
				return next(s, ev)
			}
			if !sem.acquire(s.Context(), &t.ticket) {
				return full, nil
			}
			t.held = true
			defer func() {
				t.held = false
				sem.release(&t.ticket)
			}()
			return next(s, ev)
		}
	}
}

// sessionTicket is the ticket of the session's running handler. A session runs
// one handler at a time. A handler that the same Throttle wraps twice takes one
// ticket.
type sessionTicket struct {
	ticket ticket
	held   bool
}

// MaxMessages limits how many messages a filter processes at the same time. A
// message counts from its first wrapped handler to its end, whether it ends by a
// verdict, an abort or a broken connection. It suits filters that hold expensive
// resources for each message.
//
// The message of a slow client counts for as long as the client takes. To count
// messages from a later stage on, wrap the handlers of that stage and of the
// later ones only: see [OnlyStages].
//
// If MaxMessages wraps no handler from Mail to EndOfMessage in the router,
// [framework.Router.Plan] returns an error.
//
// If a handler exceeds its deadline or the MTA closes the connection, another
// message may be admitted instead. If the handler returns after all, the
// message's next handler has to be admitted again.
//
// It adds nothing to the plan.
func MaxMessages(cfg ThrottleConfig) framework.Middleware {
	slots, full := framework.OncePerFilter(framework.PerMessage[messageTicket]), cfg.full()
	semaphores := framework.OncePerFilter(func(*framework.Route) *semaphore { return newSemaphore(&cfg) })
	needed := needsEffect(fmt.Errorf("wraps no handler from %v to %v", framework.StageMail, framework.StageEndOfMessage))
	return func(rt *framework.Route, next framework.Handler) framework.Handler {
		if err := cfg.check(); err != nil {
			rt.Errorf("%w", err)
			return next
		}
		if !needed.watch(rt, isMessageStage(rt.Stage())) {
			return next
		}
		slot, sem := slots(rt), semaphores(rt)
		return func(s *framework.Session, ev framework.Event) (framework.Verdict, error) {
			t := slot.Get(s)
			if !t.valid() && !t.acquire(s, sem) {
				return full, nil
			}
			return next(s, ev)
		}
	}
}

// messageTicket is the ticket of a message. A slot holds it.
type messageTicket struct {
	sem    *semaphore
	ticket *ticket // nil without a ticket
}

// valid reports whether the message has a ticket that reap cannot have revoked.
func (t *messageTicket) valid() bool { return t.ticket != nil && t.ticket.ctx.Err() == nil }

// acquire gets a ticket for the message. If the message has a ticket whose
// context has ended, acquire first tries to renew it with the current handler's
// context.
func (t *messageTicket) acquire(s *framework.Session, sem *semaphore) bool {
	if t.ticket != nil && sem.renew(s.Context(), t.ticket) {
		return true
	}
	t.sem, t.ticket = sem, new(ticket)
	if !sem.acquire(s.Context(), t.ticket) {
		t.ticket = nil
		return false
	}
	return true
}

// ResetSlot releases the ticket. The framework calls it at the end of the message.
func (t *messageTicket) ResetSlot() {
	if t.ticket != nil {
		t.sem.release(t.ticket)
		t.ticket = nil
	}
}

// isCleanup reports whether handlers of the stage release resources.
func isCleanup(stage framework.Stage) bool {
	return stage == framework.StageAbort || stage == framework.StageClose
}

// isMessageStage reports whether events of the stage always belong to a message.
func isMessageStage(stage framework.Stage) bool {
	return stage >= framework.StageMail && stage <= framework.StageEndOfMessage
}
