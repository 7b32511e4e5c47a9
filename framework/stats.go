package framework

import "sync/atomic"

// Stats are a server's figures at one moment. The totals count from the
// server's start.
type Stats struct {
	// Connections is the number of MTAs that are connected now.
	Connections int64
	// ConnectionsTotal is the number of connections that were taken.
	ConnectionsTotal uint64
	// MessagesOpen is the number of messages that are under way now.
	MessagesOpen int64
	// MessagesTotal is the number of messages that began.
	MessagesTotal uint64
	// HandlerErrors is the number of handlers that returned an error,
	// panicked, hung, or gave a verdict that their stage does not have.
	HandlerErrors uint64
	// ProtocolErrors is the number of connections that broke the protocol.
	ProtocolErrors uint64
	// NegotiationsRefused is the number of MTAs that lacked an action.
	NegotiationsRefused uint64
	// KeptMemory is the memory that is taken now for the envelopes, headers
	// and bodies that are kept, in bytes: see Config.MemoryBudget. KeptDisk
	// is what the bodies in files take: see Config.DiskBudget.
	KeptMemory, KeptDisk int64
	// NoRoom is the number of times that something could not be kept for
	// want of memory, of space on the disk or of descriptors.
	NoRoom uint64
	// TooLarge is the number of times that a message, or the number of its
	// recipients, exceeded a limit of its own.
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

// Stats returns the server's figures.
func (srv *Server) Stats() Stats {
	c := &srv.counters
	return Stats{
		Connections: c.connections.Load(), ConnectionsTotal: c.connectionsTotal.Load(),
		MessagesOpen: c.messagesOpen.Load(), MessagesTotal: c.messagesTotal.Load(),
		HandlerErrors: c.handlerErrors.Load(), ProtocolErrors: c.protocolErrors.Load(),
		NegotiationsRefused: c.negotiationsNo.Load(),
		KeptMemory:          srv.store.Memory.Used(), KeptDisk: srv.store.Disk.Used(),
		NoRoom: c.noRoom.Load(), TooLarge: c.tooLarge.Load(),
	}
}
