// Package tlstest issues certificates for tests of TLS listeners.
package tlstest
