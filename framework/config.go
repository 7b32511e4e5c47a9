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
	"github.com/sluicemail/sluice/framework/printable"
)

// DefaultDrainGrace is the default of Config.DrainGrace. A session that seems idle
// may have an open message: if no filter asks for an earlier stage, Postfix sends
// nothing before the end of the message, however long its client takes. If the
// server closed such a session at once, the MTA would defer the message. The grace
// gives the message time to arrive. It is limited so that an unused connection
// does not take up the whole drain.
const DefaultDrainGrace = 10 * time.Second

// Config holds a server's settings. The zero value is ready to use: a zero field
// means the default that its comment names. [NewServer] returns an error for
// invalid values, such as negative ones.
type Config struct {
	// Logger receives the server's log lines. It defaults to slog.Default(). What
	// a terminal does not show is escaped: see package printable.
	Logger *slog.Logger
	// Redact returns what the framework's lines about refused and modified mail
	// show instead of a value that came from the client or the mail. The key is
	// sender, recipient, client, client_name, helo or, for the content of a
	// modification, value. An empty result omits the value. Nil shows all values;
	// middleware.HideLocalPart shows only the domains of addresses.
	Redact func(key, value string) string

	// Recorder receives what happened in each message. Nil records nothing. See package
	// inspect, and [RecordNote].
	Recorder Recorder

	// Admission limits which MTAs are accepted, and how many. The default
	// accepts all.
	Admission Admission

	// NegotiateTimeout limits the time from the connection to the MTA's offer. If
	// the listener has TLS or the PROXY protocol, it limits the time until the
	// handshake is over, and then the time until the offer. It defaults to 10
	// seconds.
	NegotiateTimeout time.Duration
	// IdleTimeout limits the time between two commands of an MTA. It defaults
	// to two hours, as in libmilter. An MTA sends nothing while its SMTP client
	// sends nothing, so IdleTimeout should exceed the MTA's own timeout for
	// clients.
	IdleTimeout time.Duration
	// FrameTimeout limits the time from a command's first byte to its last. It
	// defaults to 30 seconds.
	FrameTimeout time.Duration
	// WriteTimeout limits the time of one write to an MTA. It defaults to 30
	// seconds.
	WriteTimeout time.Duration

	// HandlerTimeout limits the time that the handlers of one filter may take for
	// one event before the end of the message. It defaults to 25 seconds, which
	// is less than the 30 seconds that Postfix waits.
	HandlerTimeout time.Duration
	// MessageTimeout limits the time that the handlers of one filter may take at
	// the end of the message. It defaults to 270 seconds, which is less than the
	// 300 seconds that Postfix waits.
	MessageTimeout time.Duration
	// ProgressInterval is the interval at which an MTA that waits for an answer
	// receives a progress reply (SMFIR_PROGRESS). It defaults to 5 seconds.
	ProgressInterval time.Duration
	// HangGrace is how long a handler may run after its context was cancelled.
	// It defaults to 1 second. After that, the framework replies on the
	// handler's behalf and closes the connection.
	HangGrace time.Duration

	// MaxPacket is the size in bytes of the packets that the server requests if
	// the MTA offers large ones: 256 KiB (SMFIP_MDS_256K) for values from 262,144
	// on, and 1 MiB (SMFIP_MDS_1M) for values from 1,048,576 on. By default the
	// server requests none. Body chunks have the size of the packets, and a
	// message holds a buffer of 1 MiB while its body arrives. Postfix does not
	// offer large packets, and neither does Debian's Sendmail.
	MaxPacket int

	// DrainGrace is how long a session may stay idle between messages after
	// Shutdown was called. It defaults to [DefaultDrainGrace].
	DrainGrace time.Duration

	// Those of the limits below that apply to messages have an effect only if a
	// filter sees the limited data or wants it kept. If a message exceeds a
	// limit, filters mounted with FailOpen or DryRun are left out of the message.
	// If another filter needs the data, the message is refused, at that stage or
	// at the next one that answers. Each case is logged on one line, which names
	// the MTA, the filter and the limit.

	// MaxHeaders limits the number of header fields of a message, and
	// MaxHeaderBytes the total size of their names and values. They default to
	// 10,000 and 4 MiB. A message that exceeds either is refused with 552
	// 5.3.4.
	MaxHeaders     int
	MaxHeaderBytes int
	// MaxMacroBytes limits the total size of the names and values of the macros
	// that are kept for a session. It defaults to 64 KiB. If an MTA sends more,
	// the server treats that as a protocol error and closes the connection.
	// Clients cannot cause it, because MTAs limit what a client can put into
	// macros.
	MaxMacroBytes int
	// MaxRecipients limits the number of recipients that are kept for a message
	// if a filter wants them. It defaults to 10,000. Further recipients are
	// refused with 452 4.5.3.
	MaxRecipients int
	// SpoolMemory is the size up to which a kept body stays in memory. It
	// defaults to 1 MiB. MaxSpool limits the size of a kept body. It defaults to
	// 1 GiB, or to DiskBudget if that is less. A message with a larger body is
	// refused with 552 5.3.4.
	SpoolMemory int64
	MaxSpool    int64
	// SpoolDir is the directory for larger bodies. It defaults to os.TempDir().
	// Choose another directory if that one is in memory.
	SpoolDir string

	// MemoryBudget limits the memory for the envelopes, headers and bodies that
	// are kept for all messages of the server together, for the edits that
	// filters ask for beyond 16 KiB a message, and for what filters count with
	// [Memory.Reserve]. It defaults to 256 MiB. If it is used up, a body is kept
	// in a file even if it is smaller than SpoolMemory. If an envelope, a header,
	// an edit or a filter's own data cannot be kept, the recipient or the message
	// is refused with 452 4.3.1, so that the sender tries again later; a header
	// larger than the whole budget is refused with 552 5.3.4.
	//
	// The process takes more: about 15 MiB, up to 24 KiB for each idle
	// connection and 100 KiB for one that receives a body, and what filters do
	// not count. The garbage collector lets the heap grow to twice what is in
	// use (GOGC), unless GOMEMLIMIT, which should be nine tenths of the memory
	// that the process may take, makes it collect earlier. So leave at least
	// twice the budget.
	MemoryBudget int64
	// MaxAsync limits the functions of [AsyncValue.Start] that run at the same
	// time on the server. It defaults to 4,096. Beyond that, Start returns
	// [ErrTooManyAsync].
	MaxAsync int

	// DiskBudget limits the total size of the bodies that are kept in files. It
	// defaults to 16 GiB. If the budget, the disk or the file descriptors are
	// used up, the message is refused with 452 4.3.1.
	DiskBudget int64
}

func (c Config) withDefaults() Config {
	c.Logger = slog.New(printable.Handler(cmp.Or(c.Logger, slog.Default()).Handler()))
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
	c.MaxAsync = cmp.Or(c.MaxAsync, 4096)
	c.MemoryBudget = cmp.Or(c.MemoryBudget, 256<<20)
	c.DiskBudget = cmp.Or(c.DiskBudget, 16<<30)
	// A body that will never fit must be refused with 552, not with 452.
	c.MaxSpool = min(c.MaxSpool, max(c.DiskBudget, min(c.SpoolMemory, c.MemoryBudget)))
	return c
}

// spool configures the store of kept bodies.
func (c *Config) spool(st *spool.Store) {
	st.Memory.Limit, st.Disk.Limit = c.MemoryBudget, c.DiskBudget
	st.Threshold, st.Limit, st.Dir = c.SpoolMemory, c.MaxSpool, c.SpoolDir
}

// timeouts returns the timeouts of a connection.
func (c *Config) timeouts() transport.Timeouts {
	return transport.Timeouts{Idle: c.IdleTimeout, Frame: c.FrameTimeout, Write: c.WriteTimeout, DrainGrace: c.DrainGrace}
}

// intervals returns the intervals for a session's watchdog. shortest is the
// shortest limit that a middleware has set, or zero.
func (c *Config) intervals(shortest time.Duration) watchdog.Intervals {
	look := min(c.HandlerTimeout/4, c.MessageTimeout/4, c.ProgressInterval/2, c.HangGrace, time.Second)
	shorten(&look, shortest/4)
	return watchdog.Intervals{Look: max(look, time.Millisecond), Progress: c.ProgressInterval, Grace: c.HangGrace}
}

// shorten lowers a limit to d if d is shorter. Zero means no limit.
func shorten(limit *time.Duration, d time.Duration) {
	if d > 0 && (*limit == 0 || d < *limit) {
		*limit = d
	}
}

// check returns an error that joins the errors of all invalid values.
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
		{"MaxAsync", int64(c.MaxAsync)},
		{"MemoryBudget", c.MemoryBudget},
		{"DiskBudget", c.DiskBudget},
	} {
		if n.value < 0 {
			wrong = append(wrong, fmt.Errorf("framework: Config.%s is negative: %d", n.name, n.value))
		}
	}
	return errors.Join(append(wrong, c.Admission.check())...)
}
