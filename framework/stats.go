package framework

import (
	"context"
	"sync"
	"sync/atomic"

	"github.com/sluicemail/sluice/framework/internal/ledger"
	"github.com/sluicemail/sluice/framework/internal/loglimit"
	"github.com/sluicemail/sluice/framework/internal/spool"
	"github.com/sluicemail/sluice/framework/internal/transport"
)

// Stats are a server's figures at one moment. The totals count from the server's
// start.
type Stats struct {
	// Connections is the number of MTAs that are connected now.
	Connections int64
	// ConnectionsTotal is the number of connections that were accepted.
	ConnectionsTotal uint64
	// MessagesOpen is the number of messages that have begun and not ended.
	MessagesOpen int64
	// MessagesTotal is the number of messages that have begun.
	MessagesTotal uint64
	// HandlerErrors is the number of handlers that returned an error, panicked,
	// hung, or gave a verdict that their stage does not have, and of the failures
	// that middleware counted with [Route.FailureCounter].
	HandlerErrors uint64
	// FailedOpen is the part of HandlerErrors because of which no mail was
	// refused: failures in a dry run, of filters with FailOpen, of handlers of
	// Abort and Close, and of middleware that lets mail pass if it fails.
	FailedOpen uint64
	// AbandonedHandlers is the number of handlers that run although their
	// connection was closed: they hung, and the framework replied on their behalf.
	// They do not count for Admission, and Shutdown does not wait for them. Each
	// keeps its goroutine and what the session keeps of its message, which also
	// counts as open, until it returns. AbandonedHandlersTotal is the number of
	// handlers that were abandoned.
	AbandonedHandlers      int64
	AbandonedHandlersTotal uint64
	// OverLimit is the number of connections that exceeded a limit of Admission:
	// that had to wait, received OverLimit, or were closed.
	OverLimit uint64
	// ProtocolErrors is the number of connections that broke the protocol: those that
	// ended because of it, and those on which the MTA sent an event out of order.
	ProtocolErrors uint64
	// MissingActions is the number of negotiations in which the MTA lacked an action
	// that a filter requires. The filter's policy decides about the mail: see [Optional].
	MissingActions uint64
	// KeptMemory is the memory that kept envelopes, headers, bodies and edits, and
	// what filters count, take now, in bytes: see Config.MemoryBudget. KeptDisk is
	// the size of the bodies in files: see Config.DiskBudget.
	KeptMemory, KeptDisk int64
	// NoRoom is the number of times that something could not be kept because
	// memory, disk space or descriptors were used up.
	NoRoom uint64
	// TooLarge is the number of times that a message, or the number of its
	// recipients, exceeded a limit for one message.
	TooLarge uint64
	// AsyncRunning is the number of functions of [AsyncValue.Start] that run now,
	// those included whose message is over. AsyncTotal is the number of those that
	// were started, and AsyncRefused of those that were not: see Config.MaxAsync.
	AsyncRunning             int64
	AsyncTotal, AsyncRefused uint64
}

// counters are the figures behind Stats.
type counters struct {
	connections, messagesOpen      atomic.Int64
	abandoned                      atomic.Int64
	abandonedTotal, overLimit      atomic.Uint64
	connectionsTotal               atomic.Uint64
	messagesTotal, handlerErrors   atomic.Uint64
	protocolErrors, missingActions atomic.Uint64
	noRoom, tooLarge               atomic.Uint64
	failedOpen                     atomic.Uint64
}

// failed counts a failure. open says that no mail is refused because of it.
func (c *counters) failed(open bool) {
	c.handlerErrors.Add(1)
	if open {
		c.failedOpen.Add(1)
	}
}

// shared is what the sessions of a server have in common.
type shared struct {
	cfg       Config
	transport transport.Config
	base      context.Context //nolint:containedctx // the parent of all contexts of sessions
	counters  counters
	store     spool.Store
	books     ledger.Pool
	lines     loglimit.Limiter
	asyncs    asyncs

	recordLimits RecordLimits
	recordings   spool.Budget // of the open records

	wrongStages wrongStages
}

// wrongStages remembers which calls at a wrong stage a server has logged, so that a call
// in every message is logged once. Their number is bounded by that of the calls in the
// filters' code.
type wrongStages struct{ logged sync.Map }

// first reports whether it is the first call of the kind.
func (w *wrongStages) first(filter string, stage Stage, call string) bool {
	_, logged := w.logged.LoadOrStore(wrongStage{filter, stage, call}, true)
	return !logged
}

// wrongStage identifies a call at a wrong stage.
type wrongStage struct {
	filter string
	stage  Stage
	call   string
}

// stats returns the figures.
func (sh *shared) stats() Stats {
	c := &sh.counters
	st := Stats{
		Connections: c.connections.Load(), ConnectionsTotal: c.connectionsTotal.Load(),
		MessagesOpen: c.messagesOpen.Load(), MessagesTotal: c.messagesTotal.Load(),
		HandlerErrors: c.handlerErrors.Load(), FailedOpen: c.failedOpen.Load(), ProtocolErrors: c.protocolErrors.Load(),
		AbandonedHandlers: c.abandoned.Load(), AbandonedHandlersTotal: c.abandonedTotal.Load(),
		OverLimit: c.overLimit.Load(), MissingActions: c.missingActions.Load(),
		KeptMemory: sh.store.Memory.Used(), KeptDisk: sh.store.Disk.Used(),
		NoRoom: c.noRoom.Load(), TooLarge: c.tooLarge.Load(),
	}
	st.AsyncRunning, st.AsyncTotal, st.AsyncRefused = sh.asyncs.figures()
	return st
}
