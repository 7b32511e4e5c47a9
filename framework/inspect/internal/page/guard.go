package page

import (
	"net"
	"net/http"
	"net/netip"
	"slices"
	"strings"

	"github.com/sluicemail/sluice/framework/internal/loglimit"
)

// admit decides whether a request is answered. The status is 0 if it is; otherwise it is that
// of the refusal.
func (h *Handler) admit(r *http.Request) (status int, why string) {
	local := atLoopback(r)
	byProxy := h.byProxy(r)
	switch {
	case local && !byProxy && !loopbackHost(r):
		return http.StatusForbidden, "the Host of the request is not a name of this machine's loopback address"
	case fromElsewhere(r):
		return http.StatusForbidden, "a page of another site caused the request"
	case h.config.open() && !local:
		return http.StatusForbidden, "without a token only requests at a loopback address are answered"
	case h.config.open() && forwarded(r):
		return http.StatusForbidden, "a proxy forwarded the request: it needs a token, or must authenticate its users"
	case h.config.open(), byProxy, isPublic(r):
		return 0, ""
	}
	return h.authenticate(r)
}

// atLoopback reports whether a request arrived at a loopback address, or on a unix socket, whose
// mode says who may connect. A listener on all addresses receives such requests too, so that
// the connection decides.
func atLoopback(r *http.Request) bool {
	switch local := r.Context().Value(http.LocalAddrContextKey).(type) {
	case *net.TCPAddr:
		return local.IP.IsLoopback()
	case *net.UnixAddr:
		return true
	}
	return false
}

// loopbackHost reports whether the Host of a request names a loopback address.
func loopbackHost(r *http.Request) bool {
	host := r.Host
	if name, _, err := net.SplitHostPort(host); err == nil {
		host = name
	}
	if strings.EqualFold(host, "localhost") {
		return true
	}
	addr, err := netip.ParseAddr(strings.Trim(host, "[]"))
	return err == nil && addr.Unmap().IsLoopback()
}

// fromElsewhere reports whether a page of another site, or of another port of this machine,
// caused a request. Browsers say so, in headers that no script can set. They send Sec-Fetch-Site
// to loopback addresses and over TLS only, but Origin with each POST and each request of a script
// of another site.
func fromElsewhere(r *http.Request) bool {
	site := r.Header.Get("Sec-Fetch-Site")
	if site != "" && site != "same-origin" && site != "none" {
		return !opensPage(r)
	}
	origin := r.Header.Get("Origin")
	switch {
	case origin == "":
		return false
	case origin == "null" && r.URL.Path == loginPath:
		// With the policy no-referrer a browser sends it with the form of the page itself.
		return false
	}
	scheme, host, found := strings.Cut(origin, "://")
	return !found || (scheme != "http" && scheme != "https") || !strings.EqualFold(host, r.Host)
}

// opensPage reports whether a request is that of a link that was followed, in a window of the
// browser: the HTML holds no data.
func opensPage(r *http.Request) bool {
	return r.Method == http.MethodGet && !isAPI(r) &&
		r.Header.Get("Sec-Fetch-Mode") == "navigate" && r.Header.Get("Sec-Fetch-Dest") == "document"
}

// forwarded reports whether a proxy says that it forwarded a request. A field without a value
// counts: a client may have sent it, and the proxy's own is another one behind it.
func forwarded(r *http.Request) bool {
	return slices.ContainsFunc([]string{"Forwarded", "Via", "X-Forwarded-For", "X-Forwarded-Host", "X-Forwarded-Proto", "X-Real-Ip"},
		func(name string) bool { return len(r.Header.Values(name)) > 0 })
}

// byProxy reports whether the authenticating proxy sent a request, and names a user.
func (h *Handler) byProxy(r *http.Request) bool {
	if h.config.ProxyUserHeader == "" || r.Header.Get(h.config.ProxyUserHeader) == "" {
		return false
	}
	peer, err := netip.ParseAddrPort(r.RemoteAddr)
	if err != nil {
		return false
	}
	return slices.ContainsFunc(h.config.ProxyNetworks, func(p netip.Prefix) bool {
		return p.Contains(peer.Addr().Unmap().WithZone(""))
	})
}

// isPublic reports whether a request is for what the form for the token needs.
func isPublic(r *http.Request) bool {
	return r.URL.Path == loginPath || r.URL.Path == "/static/"+styleSheet || r.URL.Path == "/static/"+themeScript
}

// peerName returns the name under which a peer's failures are counted.
func peerName(r *http.Request) string {
	if addr, err := netip.ParseAddrPort(r.RemoteAddr); err == nil {
		return loglimit.Peer(net.TCPAddrFromAddrPort(addr), r.RemoteAddr)
	}
	return loglimit.Others
}
