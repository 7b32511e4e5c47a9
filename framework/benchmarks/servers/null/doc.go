// Command null is the limit of what a Go server can do: it looks at nothing but
// the heads of frames, and says what it was made to say. It knows which
// workload it plays. It has no deadlines, no limits, and no protection.
package main
