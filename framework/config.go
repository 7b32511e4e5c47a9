package framework

import (
	"cmp"
	"log/slog"
	"time"

	"github.com/sluicemail/sluice/framework/internal/spool"
)

// Config holds a server's settings. The zero value is ready to use: every
// field that is zero has the default that its comment names. [NewServer]
// refuses what is negative and what cannot be.
type Config struct {
	// Logger takes the server's log lines; the default is slog.Default().
	Logger *slog.Logger

	// Admission says which MTAs are taken, and how many; the default is all.
	Admission Admission

	// NegotiateTimeout bounds the time from the connection to the MTA's
	// offer: 10 seconds.
	NegotiateTimeout time.Duration
	// IdleTimeout bounds the time between two commands of an MTA: two
	// hours, as libmilter has it. An MTA is silent while its SMTP client
	// is, so it should exceed the MTA's own timeout for clients.
	IdleTimeout time.Duration
	// FrameTimeout bounds the time from a command's first byte to its
	// last: 30 seconds.
	FrameTimeout time.Duration
	// WriteTimeout bounds one write to an MTA: 30 seconds.
	WriteTimeout time.Duration

	// HandlerTimeout bounds the time that the handlers of one lane may
	// take for one event before the end of message: 25 seconds, less than
	// the 30 that Postfix waits.
	HandlerTimeout time.Duration
	// MessageTimeout does the same at the end of message: 270 seconds,
	// less than the 300 that Postfix waits.
	MessageTimeout time.Duration
	// ProgressInterval is how often an MTA that waits is told that its
	// answer is being worked on: 5 seconds.
	ProgressInterval time.Duration
	// HangGrace is how long a handler may go on after its context was
	// cancelled, before the framework answers in its place and gives the
	// connection up: 1 second.
	HangGrace time.Duration

	// MaxPacket is the size of the packets that an MTA is asked to send
	// where it offers large ones, in bytes: 256 KiB (SMFIP_MDS_256K) from
	// 262,144 on, 1 MiB (SMFIP_MDS_1M) from 1,048,576 on. The default asks
	// for none. Chunks of the body are then as large, and a message whose
	// body is under way holds a buffer of 1 MiB. Postfix does not offer it,
	// nor does Sendmail as Debian builds it.
	MaxPacket int

	// DrainGrace is how long a session may stay idle between messages once
	// Shutdown was called: [DefaultDrainGrace].
	DrainGrace time.Duration

	// The limits below that are about messages are for the filters that are
	// shown, or have kept, what is limited. A filter mounted with FailOpen or
	// DryRun is left out of a message that exceeds one; for any other the
	// message is refused, at the stage where that happens, or at the next one
	// that answers. Nothing is refused where no filter needs it. Each case is
	// one line of the log, that names the MTA, the filter and the limit.

	// MaxHeaders bounds the number of header fields of a message, and
	// MaxHeaderBytes the size of their names and values: 10,000 and 4 MiB.
	// A message that exceeds them is refused with 552 5.3.4.
	MaxHeaders     int
	MaxHeaderBytes int
	// MaxMacroBytes bounds the macros that are kept for a session, names and
	// values: 64 KiB. An MTA that sends more breaks the protocol, and loses
	// the connection: no client can make a sane one do so.
	MaxMacroBytes int
	// MaxRecipients bounds the number of recipients that are kept for a
	// message, where a filter wants them kept: 10,000. Further ones are
	// refused with 452 4.5.3.
	MaxRecipients int
	// SpoolMemory is the size up to which a body that must be kept is
	// kept in memory: 1 MiB. MaxSpool bounds the body: 1 GiB, or DiskBudget
	// where that is less. A larger one is refused with 552 5.3.4.
	SpoolMemory int64
	MaxSpool    int64
	// SpoolDir is where larger bodies are kept; the default is os.TempDir().
	// On a system that has that in memory, it had better be elsewhere.
	SpoolDir string

	// MemoryBudget bounds the memory that the envelopes, headers and bodies
	// kept for all messages of the server take together: 256 MiB. A body
	// that finds no room in it is kept in a file, even below SpoolMemory. An
	// envelope or a header that finds none has the recipient or the message
	// refused with 452 4.3.1, and its sender tries again later. What filters
	// keep themselves is not counted.
	MemoryBudget int64
	// DiskBudget bounds all bodies that are kept in files: 16 GiB. A message
	// whose body finds no room in it, on the disk itself, or for want of
	// descriptors, is refused with 452 4.3.1.
	DiskBudget int64

	// PoisonLent overwrites the bytes that were lent to a handler as soon
	// as they are taken back, so that a test sees who kept them. It costs
	// time; the test kit sets it.
	PoisonLent bool
}

func (c Config) withDefaults() Config {
	c.Logger = cmp.Or(c.Logger, slog.Default())
	c.NegotiateTimeout = cmp.Or(c.NegotiateTimeout, 10*time.Second)
	c.IdleTimeout = cmp.Or(c.IdleTimeout, 2*time.Hour)
	c.FrameTimeout = cmp.Or(c.FrameTimeout, 30*time.Second)
	c.WriteTimeout = cmp.Or(c.WriteTimeout, 30*time.Second)
	c.HandlerTimeout = cmp.Or(c.HandlerTimeout, 25*time.Second)
	c.MessageTimeout = cmp.Or(c.MessageTimeout, 270*time.Second)
	c.ProgressInterval = cmp.Or(c.ProgressInterval, 5*time.Second)
	c.HangGrace = cmp.Or(c.HangGrace, time.Second)
	c.DrainGrace = cmp.Or(c.DrainGrace, DefaultDrainGrace)
	c.MaxHeaders = cmp.Or(c.MaxHeaders, 10_000)
	c.MaxHeaderBytes = cmp.Or(c.MaxHeaderBytes, 4<<20)
	c.MaxMacroBytes = cmp.Or(c.MaxMacroBytes, 64<<10)
	c.MaxRecipients = cmp.Or(c.MaxRecipients, 10_000)
	c.SpoolMemory = cmp.Or(c.SpoolMemory, 1<<20)
	c.MaxSpool = cmp.Or(c.MaxSpool, 1<<30)
	c.MemoryBudget = cmp.Or(c.MemoryBudget, 256<<20)
	c.DiskBudget = cmp.Or(c.DiskBudget, 16<<30)
	// What will never find room is not to be tried again.
	c.MaxSpool = min(c.MaxSpool, max(c.DiskBudget, c.SpoolMemory))
	return c
}

// furnish sets up the place where all sessions keep what they must.
func (c *Config) furnish(st *spool.Store) {
	st.Memory.Limit, st.Disk.Limit = c.MemoryBudget, c.DiskBudget
	st.Threshold, st.Limit, st.Dir = c.SpoolMemory, c.MaxSpool, c.SpoolDir
}
