package load

import (
	"fmt"
	"slices"
	"time"
)

// Result is the result of a run.
type Result struct {
	// Messages is the number of messages with correct replies. Sessions is
	// the number of connections that sent a message and ended without an
	// error.
	Messages, Sessions int
	// Errors is the number of sessions that failed. Err is the first error.
	Errors int
	Err    error
	// Elapsed is the duration of the run.
	Elapsed time.Duration
	// P50 and P99 are percentiles of the time from the first byte of a
	// message to the verdict.
	P50, P99 time.Duration
}

// Rate returns the messages per second.
func (r *Result) Rate() float64 { return float64(r.Messages) / r.Elapsed.Seconds() }

// SessionRate returns the sessions per second.
func (r *Result) SessionRate() float64 { return float64(r.Sessions) / r.Elapsed.Seconds() }

// String returns the result on one line.
func (r *Result) String() string {
	s := fmt.Sprintf("%d messages in %v: %.0f/s, p50 %v, p99 %v, %d sessions, %d errors",
		r.Messages, r.Elapsed.Round(time.Millisecond), r.Rate(), r.P50, r.P99, r.Sessions, r.Errors)
	if r.Err != nil {
		s += ": " + r.Err.Error()
	}
	return s
}

func (r *Result) latencies(took []time.Duration) {
	if len(took) == 0 {
		return
	}
	slices.Sort(took)
	r.P50, r.P99 = took[len(took)/2], took[len(took)*99/100]
}
