package page

import (
	"log/slog"
	"net/netip"
)

// Config says who may look. Its zero value answers requests that arrive at a loopback address
// only.
type Config struct {
	// Token, if it is not empty, must come with each request: in a cookie that the form of the
	// page sets, or as "Authorization: Bearer TOKEN".
	Token string
	// ProxyUserHeader is the header in which an authenticating proxy names the user, such as
	// X-Forwarded-User. It is believed if the peer is in ProxyNetworks, and ignored otherwise.
	// Such a proxy must remove the header from what clients send. If ProxyNetworks has a
	// loopback address, each program of the machine can send it.
	ProxyUserHeader string
	ProxyNetworks   []netip.Prefix
	// Logger receives a line for each refused token, as many as package loglimit allows. It
	// defaults to slog.Default().
	Logger *slog.Logger
}

// open reports whether nothing but the loopback address protects the page.
func (c *Config) open() bool { return c.Token == "" && c.ProxyUserHeader == "" }
