// Package listen opens the listening sockets of a milter server by their addresses
// in the syntax of MTAs and libmilter, takes over sockets that another process
// opened, and finds the user at the other end of a unix socket. It knows nothing
// of the milter protocol.
package listen
