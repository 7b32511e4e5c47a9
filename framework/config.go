package framework

import (
	"cmp"
	"log/slog"
	"time"
)

// Config holds a server's settings. The zero value is ready to use: every
// field that is zero has the default that its comment names.
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
	// Shutdown was called: 1 second.
	DrainGrace time.Duration

	// MaxHeaders bounds the number of header fields that are kept for a
	// message, and MaxHeaderBytes their size: 10,000 and 4 MiB. A message
	// that exceeds them, where its header must be kept, is refused with
	// 552.
	MaxHeaders     int
	MaxHeaderBytes int
	// MaxRecipients bounds the number of recipients that are kept for a
	// message, where a filter wants them kept: 10,000. Further ones are
	// refused with 452.
	MaxRecipients int
	// SpoolMemory is the size up to which a body that must be kept is
	// kept in memory: 1 MiB. MaxSpool bounds the body: 1 GiB.
	// A larger one is refused with 552.
	SpoolMemory int64
	MaxSpool    int64
	// SpoolDir is where larger bodies are kept; the default is os.TempDir().
	SpoolDir string

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
	c.DrainGrace = cmp.Or(c.DrainGrace, time.Second)
	c.MaxHeaders = cmp.Or(c.MaxHeaders, 10_000)
	c.MaxHeaderBytes = cmp.Or(c.MaxHeaderBytes, 4<<20)
	c.MaxRecipients = cmp.Or(c.MaxRecipients, 10_000)
	c.SpoolMemory = cmp.Or(c.SpoolMemory, 1<<20)
	c.MaxSpool = cmp.Or(c.MaxSpool, 1<<30)
	return c
}
