package inspect

import (
	"runtime/debug"
	"time"

	"github.com/sluicemail/sluice/framework"
	"github.com/sluicemail/sluice/framework/inspect/internal/page"
	"github.com/sluicemail/sluice/framework/inspect/record"
)

// Server implements page.Source.
func (s source) Server() page.Server {
	in, now := s.in, time.Now()
	view := page.Server{Started: in.started, Now: now, Recording: in.recording()}
	if info, ok := debug.ReadBuildInfo(); ok {
		view.Version, view.Go = info.Main.Version, info.GoVersion
	}
	in.figures.mu.Lock()
	view.Recording.Seen, view.Recording.Kept = in.figures.seen, in.figures.kept
	view.Minutes, view.Filters = in.figures.minutesUntil(now), in.figures.filtersUntil(now)
	in.figures.mu.Unlock()
	view.Errors = in.failures()
	if srv := in.server.Load(); srv != nil {
		stats := srv.Stats()
		view.Plan, view.Figures, view.Limits = srv.Plan(), page.Figures(stats), limits(srv.Config(), &stats)
		view.Minutes[len(view.Minutes)-1].Connections = stats.Connections
	}
	return view
}

// recording returns what is recorded, and how much room there is.
func (in *Inspector) recording() page.Recording {
	c := &in.config
	count, size, _ := in.ring.figures()
	out := page.Recording{
		Content: c.Content, Shortened: c.Shorten, Share: max(0, c.Share), Slow: c.Slow,
		Memory: c.Memory, MemoryUsed: size + int64(count)*placeSize, Records: count, MaxMessage: c.MaxMessage,
	}
	if at, ok := in.ring.oldestTime(); ok {
		began := time.Unix(0, int64(at)).UTC() //nolint:gosec // a time of this process
		out.Oldest = &began
	}
	if in.folder != nil {
		out.Folder, out.FolderSize = true, c.FolderSize
		out.FolderUsed, out.FolderError, out.Dropped = in.folder.state()
	}
	return out
}

// failures returns the last errors of filters, newest first. They are those of the records
// that are still there.
func (in *Inspector) failures() []page.Failure {
	list := []page.Failure{}
	for _, id := range in.figures.lastFailed() {
		rec, ok := in.ring.get(id)
		if !ok {
			break // it and the older ones have left
		}
		m, err := record.Decode(rec)
		if err != nil {
			continue // a fault of ours, which tests exclude
		}
		list = append(list, failuresOf(m)...)
		if len(list) >= maxErrors {
			return list[:maxErrors]
		}
	}
	return list
}

// failuresOf returns the errors of a record.
func failuresOf(m *record.Message) (list []page.Failure) {
	for _, st := range m.Stages {
		for _, c := range st.Calls {
			if c.Error != "" {
				list = append(list, page.Failure{
					At: m.Began.Add(st.At), Filter: c.Filter, Stage: st.Name, Text: c.Error, Message: m.ID,
				})
			}
		}
	}
	return list
}

// limits returns the limits of a server, with their use where it is known.
func limits(c framework.Config, st *framework.Stats) []page.Limit {
	used := func(n int64) *int64 { return &n }
	list := []page.Limit{
		{Name: "MemoryBudget", Says: "memory for what filters want kept of all messages", Used: used(st.KeptMemory), Max: c.MemoryBudget, Unit: "bytes"},
		{Name: "DiskBudget", Says: "bodies in files, of all messages", Used: used(st.KeptDisk), Max: c.DiskBudget, Unit: "bytes"},
		{Name: "MaxAsync", Says: "functions that run beside messages", Used: used(st.AsyncRunning), Max: int64(c.MaxAsync)},
		{Name: "MaxHeaders", Says: "fields of one header", Max: int64(c.MaxHeaders)},
		{Name: "MaxHeaderBytes", Says: "size of one header", Max: int64(c.MaxHeaderBytes), Unit: "bytes"},
		{Name: "MaxRecipients", Says: "recipients of one message that are kept", Max: int64(c.MaxRecipients)},
		{Name: "MaxSpool", Says: "size of one body that is kept", Max: c.MaxSpool, Unit: "bytes"},
		{Name: "HandlerTimeout", Says: "time of a filter's handlers before the end of a message", Max: int64(c.HandlerTimeout), Unit: "ns"},
		{Name: "MessageTimeout", Says: "time of a filter's handlers at the end of a message", Max: int64(c.MessageTimeout), Unit: "ns"},
		{Name: "IdleTimeout", Says: "time between two commands of a mail server", Max: int64(c.IdleTimeout), Unit: "ns"},
	}
	if n := c.Admission.MaxSessions; n > 0 {
		list = append([]page.Limit{{
			Name: "MaxSessions", Says: "mail servers that are connected", Used: used(st.Connections), Max: int64(n),
		}}, list...)
	}
	return list
}
