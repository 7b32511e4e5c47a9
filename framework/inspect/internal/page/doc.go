// Package page is the page of package inspect: an http.Handler that shows what a [Source] has
// recorded, as HTML for a browser and as JSON for programs.
//
// The HTML, the style sheet and the scripts are embedded, and load nothing from elsewhere.
// The HTML has no data: the scripts fetch it from the JSON API below /api/, and write it into
// the page as text only.
//
// # Who is answered
//
// All mail is hostile, and so is every browser until it has shown that it may look:
//
//   - If [Config] has neither a token nor a header of a proxy, only requests that arrive at a
//     loopback address, or on a unix socket, are answered, and only if their Host is a
//     loopback address or localhost, so that no page of another site can reach the server under
//     a name that resolves to 127.0.0.1 (DNS rebinding). A request is refused if it says that a
//     proxy has forwarded it. Proxies need not say so: one in front of the page must
//     authenticate its users.
//   - Otherwise each request needs the token or the proxy's header, those at a loopback
//     address too. A browser exchanges the token for a cookie that no script can read.
//   - A request that a page of another site has caused is refused, unless it only opens the
//     HTML. The methods are GET and HEAD, and POST for the form that asks for the token.
//
// # What it costs
//
// [Handler] bounds the number of browsers that follow the list, of searches that run at the
// same time, and the time that it waits for a browser to read. A browser that does not read is
// dropped. Whoever serves the Handler sets http.Server.ReadHeaderTimeout, which a handler
// cannot.
package page
