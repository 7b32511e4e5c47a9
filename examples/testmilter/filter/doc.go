// Package filter does to mail what its [Orders] say, and prints every event. The command
// testmilter makes the orders of its flags.
package filter
