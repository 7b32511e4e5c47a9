package page

import (
	"time"

	"github.com/sluicemail/sluice/framework"
	"github.com/sluicemail/sluice/framework/inspect/record"
)

// Server is what the view of the server shows.
type Server struct {
	// Version is the version of the program, and Go that of the Go release, as
	// debug.ReadBuildInfo tells them.
	Version string    `json:"version,omitempty"`
	Go      string    `json:"go,omitempty"`
	Started time.Time `json:"started"`
	Now     time.Time `json:"now"`

	Recording Recording `json:"recording"`
	// Figures are the counters of the framework's server: see framework.Stats.
	Figures []Figure `json:"figures"`
	// Limits are limits and budgets, with their use where it is known.
	Limits []Limit `json:"limits"`
	// Minutes are the last sixty minutes, oldest first. The last one is not over yet.
	Minutes []Minute `json:"minutes"`
	// Filters are the mounted filters, in their order.
	Filters []FilterFigures `json:"filters"`
	// Errors are the last errors of filters that the records in memory have, newest first.
	Errors []Failure `json:"errors"`

	// Plan is the plan of the server, or nil if none is watched. It is a resource apart.
	Plan *framework.Plan `json:"-"`
}

// Recording says what is recorded, and how much room there is. The head of each view shows it.
type Recording struct {
	Content record.Content `json:"content"`
	// Shortened reports whether the local parts of addresses are hidden.
	Shortened bool `json:"shortened"`
	// Share is the share of ordinary messages that are kept, from 0 to 1. What was refused,
	// what failed and what took longer than Slow is always kept.
	Share float64       `json:"share"`
	Slow  time.Duration `json:"slow_ns"`
	// Memory is the size of the ring, in bytes, MemoryUsed the part of it that is in use, and
	// Records the number of records in it. Oldest is when the first of them began.
	Memory     int64      `json:"memory"`
	MemoryUsed int64      `json:"memory_used"`
	Records    int        `json:"records"`
	Oldest     *time.Time `json:"oldest,omitempty"`
	// MaxMessage is the limit for one record, in bytes.
	MaxMessage int64 `json:"max_message"`
	// Folder reports whether records are written to a folder too. FolderSize is its limit,
	// and FolderUsed how much is in use.
	Folder     bool  `json:"folder"`
	FolderSize int64 `json:"folder_size,omitempty"`
	FolderUsed int64 `json:"folder_used,omitempty"`
	// FolderError is why nothing can be written to the folder now, or "". Dropped is the
	// number of records that were not written.
	FolderError string `json:"folder_error,omitempty"`
	Dropped     uint64 `json:"dropped,omitempty"`
	// Seen is the number of messages that ended since the start, and Kept the number of those
	// that were recorded.
	Seen uint64 `json:"seen"`
	Kept uint64 `json:"kept"`
}

// Figure is one counter.
type Figure struct {
	Name string `json:"name"`
	// Says is what it counts, in words.
	Says  string `json:"says"`
	Value int64  `json:"value"`
	// Unit is bytes, or "" for a number.
	Unit string `json:"unit,omitempty"`
	// Bad reports whether a value other than 0 deserves attention.
	Bad bool `json:"bad,omitempty"`
}

// Limit is one limit or budget.
type Limit struct {
	// Name is that of the setting, and Says what it limits.
	Name string `json:"name"`
	Says string `json:"says"`
	// Used is how much is in use, or nil if that is not known.
	Used *int64 `json:"used,omitempty"`
	Max  int64  `json:"max"`
	// Unit is bytes, ns, or "" for a number.
	Unit string `json:"unit,omitempty"`
}

// Minute is one minute of all messages.
type Minute struct {
	At time.Time `json:"at"`
	// Messages is the number of messages that ended, recorded or not. Refused is how many of
	// them were rejected or deferred, and Failed how many had a filter that failed.
	Messages uint64 `json:"messages"`
	Refused  uint64 `json:"refused"`
	Failed   uint64 `json:"failed"`
	// Connections is the number of connections at the minute's end. If it has no Messages and is
	// over, the number is not known.
	Connections int64 `json:"connections"`
}

// FilterFigures are the figures of one filter since the start, and minute by minute.
type FilterFigures struct {
	Name     string `json:"name"`
	Messages uint64 `json:"messages"`
	Edited   uint64 `json:"edited"`
	Refused  uint64 `json:"refused"`
	Failed   uint64 `json:"failed"`
	// Minutes are the minutes of Server.Minutes.
	Minutes []FilterMinute `json:"minutes"`
}

// FilterMinute is how long a filter worked on the messages of one minute. P50 and P95 are the
// times that half of the messages, and 95 of 100, did not exceed. Without Messages the times are
// zero, and say nothing.
type FilterMinute struct {
	Messages uint64        `json:"messages"`
	P50      time.Duration `json:"p50_ns"`
	P95      time.Duration `json:"p95_ns"`
	Longest  time.Duration `json:"longest_ns"`
}

// Failure is an error of a filter.
type Failure struct {
	At     time.Time `json:"at"`
	Filter string    `json:"filter,omitempty"`
	Stage  string    `json:"stage,omitempty"`
	Text   string    `json:"text"`
	// Message is the ID of the record, which may have left, or "".
	Message string `json:"message,omitempty"`
}
