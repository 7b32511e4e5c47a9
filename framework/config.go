package framework

import (
	"cmp"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"github.com/sluicemail/sluice/framework/internal/spool"
	"github.com/sluicemail/sluice/framework/internal/transport"
	"github.com/sluicemail/sluice/framework/internal/watchdog"
)

// DefaultDrainGrace is the default of Config.DrainGrace. A session that seems idle
// may have an open message: if no filter asks for what comes before the end of the
// message, Postfix sends nothing while its client takes its time. If the server
// closes such a session, the MTA defers the message. The grace avoids that, and
// keeps an MTA that holds a connection open for no purpose from using up the whole
// drain.
const DefaultDrainGrace = 10 * time.Second

// Config holds a server's settings. The zero value is ready to use: a field that is
// zero has the default that its comment names. [NewServer] returns an error for
// negative values and for values that cannot work.
type Config struct {
	// Logger takes the server's log lines; the default is slog.Default().
	Logger *slog.Logger

	// Admission decides which MTAs are accepted, and how many; the default
	// accepts all.
	Admission Admission

	// NegotiateTimeout bounds the time from the connection to the MTA's offer:
	// 10 seconds.
	NegotiateTimeout time.Duration
	// IdleTimeout bounds the time between two commands of an MTA: two hours, as
	// in libmilter. An MTA is silent while its SMTP client is, so it should
	// exceed the MTA's own timeout for clients.
	IdleTimeout time.Duration
	// FrameTimeout bounds the time from a command's first byte to its last: 30
	// seconds.
	FrameTimeout time.Duration
	// WriteTimeout bounds one write to an MTA: 30 seconds.
	WriteTimeout time.Duration

	// HandlerTimeout bounds the time that the handlers of one filter may take for
	// one event before the end of message: 25 seconds, less than the 30 that
	// Postfix waits.
	HandlerTimeout time.Duration
	// MessageTimeout does the same at the end of message: 270 seconds, less than
	// the 300 that Postfix waits.
	MessageTimeout time.Duration
	// ProgressInterval is how often an MTA that waits for an answer receives a
	// progress reply (SMFIR_PROGRESS): 5 seconds.
	ProgressInterval time.Duration
	// HangGrace is how long a handler may go on after its context was cancelled.
	// After that the framework replies on its behalf and gives up the
	// connection: 1 second.
	HangGrace time.Duration

	// MaxPacket is the size of the packets that an MTA is asked to send if it
	// offers large ones, in bytes: 256 KiB (SMFIP_MDS_256K) from 262,144 on,
	// 1 MiB (SMFIP_MDS_1M) from 1,048,576 on. The default asks for none. Body
	// chunks are then as large, and a message whose body arrives holds a buffer
	// of 1 MiB. Postfix does not offer it, nor does Sendmail as Debian builds it.
	MaxPacket int

	// DrainGrace is how long a session may stay idle between messages after
	// Shutdown was called: [DefaultDrainGrace].
	DrainGrace time.Duration

	// The limits below that are about messages hold for the filters that see, or
	// want kept, what is limited. If a message exceeds one, a filter mounted with
	// FailOpen or DryRun is left out of the message; for any other filter the
	// message is refused, at that stage or at the next one that answers. If no
	// filter needs what is limited, nothing is refused. Each case is one line of
	// the log, which names the MTA, the filter and the limit.

	// MaxHeaders bounds the number of header fields of a message, and
	// MaxHeaderBytes the size of their names and values: 10,000 and 4 MiB. A
	// message that exceeds them is refused with 552 5.3.4.
	MaxHeaders     int
	MaxHeaderBytes int
	// MaxMacroBytes bounds the names and values of the macros that are kept for a
	// session: 64 KiB. An MTA that sends more breaks the protocol and loses the
	// connection; no client can make a sane MTA do so.
	MaxMacroBytes int
	// MaxRecipients bounds the number of recipients that are kept for a message,
	// if a filter wants them: 10,000. Further ones are refused with 452 4.5.3.
	MaxRecipients int
	// SpoolMemory is the size up to which a kept body stays in memory: 1 MiB.
	// MaxSpool bounds a kept body: 1 GiB, or DiskBudget if that is less. A larger
	// one is refused with 552 5.3.4.
	SpoolMemory int64
	MaxSpool    int64
	// SpoolDir is the directory for larger bodies; the default is os.TempDir().
	// Choose another one if that is in memory.
	SpoolDir string

	// MemoryBudget bounds the memory that the envelopes, headers and bodies kept
	// for all messages of the server take together: 256 MiB. If it is used up, a
	// body is kept in a file, even below SpoolMemory; for an envelope or a header
	// the recipient or the message is refused with 452 4.3.1, so that the sender
	// tries again later. The filters' own memory is not counted.
	MemoryBudget int64
	// DiskBudget bounds all bodies that are kept in files: 16 GiB. If it, the
	// disk or the file descriptors are used up, the message is refused with
	// 452 4.3.1.
	DiskBudget int64
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
	// A body that will never fit must be refused with 552, not with 452.
	c.MaxSpool = min(c.MaxSpool, max(c.DiskBudget, c.SpoolMemory))
	return c
}

// spool sets up the store of kept bodies.
func (c *Config) spool(st *spool.Store) {
	st.Memory.Limit, st.Disk.Limit = c.MemoryBudget, c.DiskBudget
	st.Threshold, st.Limit, st.Dir = c.SpoolMemory, c.MaxSpool, c.SpoolDir
}

// timeouts returns the bounds of a connection's waits.
func (c *Config) timeouts() transport.Timeouts {
	return transport.Timeouts{Idle: c.IdleTimeout, Frame: c.FrameTimeout, Write: c.WriteTimeout, DrainGrace: c.DrainGrace}
}

// intervals returns how a watchdog looks after handlers. shortest is the shortest
// limit that a middleware has set, or zero.
func (c *Config) intervals(shortest time.Duration) watchdog.Intervals {
	look := min(c.HandlerTimeout/4, c.MessageTimeout/4, c.ProgressInterval/2, c.HangGrace, time.Second)
	shorten(&look, shortest/4)
	return watchdog.Intervals{Look: max(look, time.Millisecond), Progress: c.ProgressInterval, Grace: c.HangGrace}
}

// shorten sets a limit to d if that is shorter. Zero means no limit.
func shorten(limit *time.Duration, d time.Duration) {
	if d > 0 && (*limit == 0 || d < *limit) {
		*limit = d
	}
}

// check returns one error for all values that cannot work.
func (c *Config) check() error {
	var wrong []error
	for _, d := range []struct {
		name  string
		value time.Duration
	}{
		{"NegotiateTimeout", c.NegotiateTimeout},
		{"IdleTimeout", c.IdleTimeout},
		{"FrameTimeout", c.FrameTimeout},
		{"WriteTimeout", c.WriteTimeout},
		{"HandlerTimeout", c.HandlerTimeout},
		{"MessageTimeout", c.MessageTimeout},
		{"ProgressInterval", c.ProgressInterval},
		{"HangGrace", c.HangGrace},
		{"DrainGrace", c.DrainGrace},
	} {
		if d.value < 0 {
			wrong = append(wrong, fmt.Errorf("framework: Config.%s is negative: %v", d.name, d.value))
		}
	}
	for _, n := range []struct {
		name  string
		value int64
	}{
		{"MaxPacket", int64(c.MaxPacket)},
		{"MaxHeaders", int64(c.MaxHeaders)},
		{"MaxHeaderBytes", int64(c.MaxHeaderBytes)},
		{"MaxMacroBytes", int64(c.MaxMacroBytes)},
		{"MaxRecipients", int64(c.MaxRecipients)},
		{"SpoolMemory", c.SpoolMemory},
		{"MaxSpool", c.MaxSpool},
		{"MemoryBudget", c.MemoryBudget},
		{"DiskBudget", c.DiskBudget},
	} {
		if n.value < 0 {
			wrong = append(wrong, fmt.Errorf("framework: Config.%s is negative: %d", n.name, n.value))
		}
	}
	return errors.Join(append(wrong, c.Admission.check())...)
}
