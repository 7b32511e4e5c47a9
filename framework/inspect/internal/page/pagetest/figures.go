package pagetest

import (
	"time"

	"github.com/sluicemail/sluice/framework"
	"github.com/sluicemail/sluice/framework/inspect/internal/page"
	"github.com/sluicemail/sluice/framework/inspect/record"
)

// filters are the filters of the records, with how long they typically work.
var filters = []struct {
	name string
	work time.Duration
}{
	{"spf", 9 * time.Millisecond},
	{"greylist", 400 * time.Microsecond},
	{"headers", 60 * time.Microsecond},
	{"scanner", 180 * time.Millisecond},
	{"banner", 900 * time.Microsecond},
}

// Figures returns the figures of a server at a time: an hour with a peak, in which the scanner
// was slow.
func Figures(now time.Time) page.Server {
	oldest := now.Add(-47 * time.Minute)
	used := func(n int64) *int64 { return &n }
	s := page.Server{
		Version: "v0.1.0", Go: "go1.26.8", Started: now.Add(-76 * time.Hour), Now: now,
		Recording: page.Recording{
			Content: record.ContentAll, Share: 1, Slow: 5 * time.Second, Memory: 64 << 20, MemoryUsed: 41 << 20,
			Records: 5213, Oldest: &oldest, MaxMessage: 1 << 20, Folder: true, FolderSize: 256 << 20, FolderUsed: 198 << 20,
			Seen: 184_220, Kept: 184_220,
		},
		Figures: page.Figures(framework.Stats{
			Connections: 7, ConnectionsTotal: 20_133, MessagesOpen: 2, MessagesTotal: 184_222, HandlerErrors: 14, FailedOpen: 9,
			KeptMemory: 3 << 20, ProtocolErrors: 1, AsyncTotal: 92_000,
		}),
		Limits: []page.Limit{
			{Name: "MaxSessions", Says: "connections at the same time", Used: used(7), Max: 1000},
			{Name: "MemoryBudget", Says: "memory for what filters want kept", Used: used(3 << 20), Max: 256 << 20, Unit: "bytes"},
			{Name: "DiskBudget", Says: "bodies in files", Used: used(13 << 30), Max: 16 << 30, Unit: "bytes"},
			{Name: "MaxAsync", Says: "functions that run beside messages", Used: used(0), Max: 4096},
			{Name: "MaxRecipients", Says: "recipients of one message", Max: 10_000},
			{Name: "HandlerTimeout", Says: "time of a filter before the end of the message", Max: int64(25 * time.Second), Unit: "ns"},
			{Name: "MessageTimeout", Says: "time of a filter at the end of the message", Max: int64(270 * time.Second), Unit: "ns"},
		},
		Errors: []page.Failure{
			{At: now.Add(-4 * time.Minute), Filter: "scanner", Stage: "end of message", Text: "dial unix /run/clamav/clamd.ctl: connect: connection refused", Message: id(6)},
			{At: now.Add(-31 * time.Minute), Filter: "spf", Stage: "mail", Text: "lookup example.net: i/o timeout"},
		},
		Plan: Plan(),
	}
	for i := range 60 {
		s.Minutes = append(s.Minutes, minute(now, i))
	}
	for _, f := range filters {
		s.Filters = append(s.Filters, filterFigures(f.name, f.work))
	}
	return s
}

// minute returns the figures of a minute: more mail towards the middle of the hour.
func minute(now time.Time, i int) page.Minute {
	n := uint64(20 + i%7*3 + max(0, 30-(i-34)*(i-34)/3))
	m := page.Minute{At: now.Truncate(time.Minute).Add(time.Duration(i-59) * time.Minute), Messages: n, Refused: n / 4, Connections: int64(n / 6)} //nolint:gosec // it is small
	if i%23 == 9 {
		m.Failed = 3
	}
	return m
}

// filterFigures returns the figures of a filter that typically works for a time. The scanner was
// slow in the middle of the hour.
func filterFigures(name string, work time.Duration) page.FilterFigures {
	f := page.FilterFigures{Name: name, Messages: 184_220}
	switch name {
	case "spf":
		f.Refused, f.Failed = 2210, 5
	case "greylist":
		f.Refused = 39_114
	case "headers":
		f.Edited = 92_882
	case "scanner":
		f.Refused, f.Failed = 381, 9
	case "banner":
		f.Edited = 11_027
	}
	for i := range 60 {
		d := work + work*time.Duration(i%5)/12
		if name == "scanner" && i > 30 && i < 39 {
			d *= time.Duration(9 - (i-34)*(i-34)/3)
		}
		f.Minutes = append(f.Minutes, page.FilterMinute{Messages: 40, P50: d, P95: 2 * d, Longest: 3 * d})
	}
	return f
}
