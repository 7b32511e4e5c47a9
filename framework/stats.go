package framework

import (
	"context"
	"sync/atomic"

	"github.com/sluicemail/sluice/framework/internal/ledger"
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
	// hung, or gave a verdict that their stage does not have.
	HandlerErrors uint64
	// ProtocolErrors is the number of connections that broke the protocol.
	ProtocolErrors uint64
	// NegotiationsRefused is the number of negotiations that were refused
	// because the MTA lacked an action.
	NegotiationsRefused uint64
	// KeptMemory is the memory that kept envelopes, headers and bodies take now,
	// in bytes: see Config.MemoryBudget. KeptDisk is the size of the bodies in
	// files: see Config.DiskBudget.
	KeptMemory, KeptDisk int64
	// NoRoom is the number of times that something could not be kept because
	// memory, disk space or descriptors were used up.
	NoRoom uint64
	// TooLarge is the number of times that a message, or the number of its
	// recipients, exceeded a limit for one message.
	TooLarge uint64
}

// counters are the figures behind Stats.
type counters struct {
	connections, messagesOpen      atomic.Int64
	connectionsTotal               atomic.Uint64
	messagesTotal, handlerErrors   atomic.Uint64
	protocolErrors, negotiationsNo atomic.Uint64
	noRoom, tooLarge               atomic.Uint64
}

// shared is what the sessions of a server have in common.
type shared struct {
	cfg       Config
	transport transport.Config
	base      context.Context //nolint:containedctx // the parent of all contexts of sessions
	counters  counters
	store     spool.Store
	books     ledger.Pool
}

// stats returns the figures.
func (sh *shared) stats() Stats {
	c := &sh.counters
	return Stats{
		Connections: c.connections.Load(), ConnectionsTotal: c.connectionsTotal.Load(),
		MessagesOpen: c.messagesOpen.Load(), MessagesTotal: c.messagesTotal.Load(),
		HandlerErrors: c.handlerErrors.Load(), ProtocolErrors: c.protocolErrors.Load(),
		NegotiationsRefused: c.negotiationsNo.Load(),
		KeptMemory:          sh.store.Memory.Used(), KeptDisk: sh.store.Disk.Used(),
		NoRoom: c.noRoom.Load(), TooLarge: c.tooLarge.Load(),
	}
}
