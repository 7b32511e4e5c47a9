package inspect

import (
	"cmp"
	"errors"
	"fmt"
	"log/slog"
	"net/netip"
	"time"

	"github.com/sluicemail/sluice/framework/inspect/record"
)

// Config configures an [Inspector]. The zero value keeps the records of all messages,
// with their headers and without their bodies, in 64 MiB of memory.
type Config struct {
	// Memory is the size in bytes of the ring in memory. It defaults to 64 MiB, and is at
	// least 1 MiB. Recordings of open messages take 64 KiB each besides, and together a
	// quarter of Memory beyond that.
	Memory int64
	// Folder is the directory for the records that outlive the process. It is created if
	// necessary, for the process's user only. Empty means none. Several processes may
	// use the same Folder, as after a hand-over. The list, searches and single messages go
	// on in the Folder where the ring ends, after a restart too.
	Folder string
	// FolderSize is the size in bytes of all files in Folder. It defaults to 256 MiB, and
	// is at least 1 MiB.
	FolderSize int64
	// MaxMessage is the size in bytes of the record of one message. It is between 64 KiB and
	// half of Memory and of FolderSize, and defaults to 1 MiB, or to that half if it is less.
	// A larger message is recorded without a part of its content.
	MaxMessage int64

	// Content says how much of the content is recorded. It defaults to
	// [record.ContentHeader]. The envelope, macros, and what filters say themselves, such as
	// the texts of replies, notes and log attributes, are recorded in any case.
	Content record.Content
	// Shorten hides the local parts of addresses: in the envelope, in macros, in header
	// fields and the subject, in edits, replies, errors, notes and attributes. A quoted
	// local part is hidden too. It cannot be combined with [record.ContentAll], because a
	// body may hold an address in any encoding.
	Shorten bool
	// Complete asks mail servers for the client, the envelope and, if it is recorded, the
	// header, even if no filter needs them. Otherwise records lack what no filter asks for.
	// Mail servers do not wait for the answers, but send more.
	Complete bool

	// Share is the share of ordinary messages that are kept, between 0 and 1. It defaults
	// to 1. Messages that were refused (or one of their recipients, or their client),
	// discarded or quarantined, in which a filter failed, or on which the filters worked for
	// Slow or longer are always kept. If Share is negative, only those are kept.
	Share float64
	// Slow is how long the filters work together on a message that counts as slow. It
	// defaults to 5 seconds.
	Slow time.Duration

	// Token is the secret that a browser must know. It is required if the page can be
	// reached from other hosts, unless a proxy authenticates users.
	Token string
	// ProxyUserHeader is the header field in which a proxy names the user that it has
	// authenticated, and ProxyNetworks are the addresses of such proxies. The field is
	// believed only if it comes from there.
	ProxyUserHeader string
	ProxyNetworks   []netip.Prefix

	// Logger receives the Inspector's log lines. It defaults to slog.Default().
	Logger *slog.Logger
}

const (
	mebibyte    = 1 << 20
	leastRecord = 64 << 10
	mostRecord  = 128 << 20
	mostMemory  = 1<<31 - 1
)

func (c Config) withDefaults() Config {
	c.Memory = cmp.Or(c.Memory, 64*mebibyte)
	c.FolderSize = cmp.Or(c.FolderSize, 256*mebibyte)
	c.MaxMessage = cmp.Or(c.MaxMessage, min(mebibyte, c.mostMessage()))
	c.Content = cmp.Or(c.Content, record.ContentHeader)
	c.Share = cmp.Or(c.Share, 1)
	c.Slow = cmp.Or(c.Slow, 5*time.Second)
	c.Logger = cmp.Or(c.Logger, slog.Default())
	return c
}

// mostMessage returns the size of the largest record that fits.
func (c *Config) mostMessage() int64 {
	most := min(c.Memory/2, mostRecord)
	if c.Folder != "" {
		most = min(most, c.FolderSize/2)
	}
	return most
}

// FieldError is the error of an invalid field of a [Config]. [New] and [Config.Check] join
// those of all fields.
type FieldError struct {
	Field   string // such as MaxMessage
	Problem string // in words that follow the name
}

// Error implements error.
func (e *FieldError) Error() string { return "inspect: Config." + e.Field + " " + e.Problem }

// Check returns the error that [New] would return, except for that of a Folder that cannot be
// used. A program checks its settings with it before it starts.
func (c Config) Check() error {
	c = c.withDefaults()
	return c.check()
}

// check returns an error that joins the errors of all invalid values.
func (c *Config) check() error {
	var wrong []error
	fail := func(field, format string, args ...any) {
		wrong = append(wrong, &FieldError{field, fmt.Sprintf(format, args...)})
	}
	if c.Memory < mebibyte || c.Memory > mostMemory {
		fail("Memory", "is not between 1 MiB and 2 GiB: %d", c.Memory)
	}
	if c.FolderSize < mebibyte {
		fail("FolderSize", "is less than 1 MiB: %d", c.FolderSize)
	}
	if most := c.mostMessage(); len(wrong) == 0 && (c.MaxMessage < leastRecord || c.MaxMessage > most) {
		fail("MaxMessage", "is not between %d and %d: %d", leastRecord, most, c.MaxMessage)
	}
	switch c.Content {
	case record.ContentNone, record.ContentHeader, record.ContentAll:
	default:
		fail("Content", "is %q, and not none, header or all", c.Content)
	}
	if c.Shorten && c.Content == record.ContentAll {
		fail("Shorten", "cannot hide the addresses in bodies, which Content all records")
	}
	if !(c.Share <= 1) { // NaN too
		fail("Share", "is not at most 1: %v", c.Share)
	}
	if c.Slow < 0 {
		fail("Slow", "is negative: %v", c.Slow)
	}
	if c.ProxyUserHeader != "" && len(c.ProxyNetworks) == 0 {
		fail("ProxyUserHeader", "is believed from no address without ProxyNetworks")
	}
	if c.ProxyUserHeader == "" && len(c.ProxyNetworks) > 0 {
		fail("ProxyNetworks", "has no effect without ProxyUserHeader")
	}
	for _, p := range c.ProxyNetworks {
		if !p.IsValid() {
			fail("ProxyNetworks", "has an invalid network")
		}
	}
	return errors.Join(wrong...)
}
