package load

import (
	"fmt"
	"slices"
	"time"
)

// Result is what came of a run.
type Result struct {
	// Messages is the number of messages whose answers were right, and
	// Sessions that of the connections which ended well.
	Messages, Sessions int
	// Errors counts what went wrong; Err is the first of it.
	Errors int
	Err    error
	// Elapsed is how long it all took.
	Elapsed time.Duration
	// P50 and P99 are how long half of the messages, and 99 of 100, took at
	// most, from the first byte to the verdict.
	P50, P99 time.Duration
}

// Rate returns the messages per second.
func (r *Result) Rate() float64 { return float64(r.Messages) / r.Elapsed.Seconds() }

// SessionRate returns the sessions per second.
func (r *Result) SessionRate() float64 { return float64(r.Sessions) / r.Elapsed.Seconds() }

// String returns the result in a line.
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
