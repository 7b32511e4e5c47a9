package page

import "github.com/sluicemail/sluice/framework"

// Figures returns the figures of a server in words.
func Figures(st framework.Stats) []Figure {
	count := func(n uint64) int64 { return int64(min(n, 1<<62)) }
	return []Figure{
		{Name: "Connections", Says: "mail servers that are connected now", Value: st.Connections},
		{Name: "ConnectionsTotal", Says: "connections since the start", Value: count(st.ConnectionsTotal)},
		{Name: "MessagesOpen", Says: "messages that have begun and not ended", Value: st.MessagesOpen},
		{Name: "MessagesTotal", Says: "messages since the start", Value: count(st.MessagesTotal)},
		{Name: "HandlerErrors", Says: "failures of filters", Value: count(st.HandlerErrors), Bad: true},
		{Name: "FailedOpen", Says: "failures because of which no mail was refused", Value: count(st.FailedOpen), Bad: true},
		{Name: "AbandonedHandlers", Says: "handlers that hang now", Value: st.AbandonedHandlers, Bad: true},
		{Name: "AbandonedHandlersTotal", Says: "handlers that hung since the start", Value: count(st.AbandonedHandlersTotal), Bad: true},
		{Name: "OverLimit", Says: "connections that exceeded a limit", Value: count(st.OverLimit), Bad: true},
		{Name: "ProtocolErrors", Says: "connections that broke the protocol", Value: count(st.ProtocolErrors), Bad: true},
		{Name: "MissingActions", Says: "negotiations in which the mail server lacked an action", Value: count(st.MissingActions), Bad: true},
		{Name: "KeptMemory", Says: "memory for what filters want kept", Value: st.KeptMemory, Unit: "bytes"},
		{Name: "KeptDisk", Says: "bodies in files", Value: st.KeptDisk, Unit: "bytes"},
		{Name: "NoRoom", Says: "times that memory, disk or descriptors were used up", Value: count(st.NoRoom), Bad: true},
		{Name: "TooLarge", Says: "messages over a limit for one message", Value: count(st.TooLarge), Bad: true},
		{Name: "AsyncRunning", Says: "functions that run beside messages now", Value: st.AsyncRunning},
		{Name: "AsyncTotal", Says: "functions beside messages since the start", Value: count(st.AsyncTotal)},
		{Name: "AsyncRefused", Says: "functions beside messages that were refused", Value: count(st.AsyncRefused), Bad: true},
	}
}
