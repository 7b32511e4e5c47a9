// Package socketpair connects a client and a server in one process. Nothing listens, and no
// other process can connect.
package socketpair
