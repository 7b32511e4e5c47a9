// Package received reads what a host has written about its client into a Received field.
package received
