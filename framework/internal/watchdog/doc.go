// Package watchdog supervises calls of a filter's code that may take long. While a
// call runs, a [Watchdog] tells its [Watched] now and then to look at the peer, to
// report progress, that the call is past its time limit, and in the end to detach:
// to go on without the goroutine that runs the call.
//
// The goroutine that makes the calls starts no other one. It only notes that a call
// begins and ends; a timer is armed if none is, and runs out when it finds no call.
package watchdog
