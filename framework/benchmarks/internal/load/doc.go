// Package load imitates a Postfix that sends mail to a filter as fast as the
// filter replies. It encodes each session only once, for the options that the
// filter negotiated, so that the load generator is not the slower side. It
// checks every reply.
package load
