package page_test

import (
	"context"
	"log/slog"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"strconv"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/sluicemail/sluice/framework/inspect/internal/page"
)

const token = "0123456789abcdef0123456789abcdef"

func addrPort(address string) netip.AddrPort { return netip.MustParseAddrPort(address) }

// onUnixSocket makes a request arrive on a unix socket.
func onUnixSocket(r *http.Request) {
	local := &net.UnixAddr{Name: "/run/page.sock", Net: "unix"}
	*r = *r.WithContext(context.WithValue(r.Context(), http.LocalAddrContextKey, local))
	r.RemoteAddr = "@"
}

// Without a token and a proxy the loopback address is all that protects the page.
func TestOpenPage(t *testing.T) {
	t.Parallel()
	h := mailbox(t, page.Config{})
	for name, c := range map[string]struct {
		changes []change
		want    int
	}{
		"localhost":                 {nil, http.StatusOK},
		"localhost without a port":  {[]change{host("localhost")}, http.StatusOK},
		"LOCALHOST":                 {[]change{host("LOCALHOST:9001")}, http.StatusOK},
		"127.0.0.1":                 {[]change{host("127.0.0.1:9001")}, http.StatusOK},
		"::1":                       {[]change{arrives("[::1]:9001"), host("[::1]:9001")}, http.StatusOK},
		"::1 without a port":        {[]change{arrives("[::1]:9001"), host("[::1]")}, http.StatusOK},
		"another loopback address":  {[]change{arrives("127.0.0.9:9001"), host("127.0.0.9:9001")}, http.StatusOK},
		"no Host":                   {[]change{host("")}, http.StatusForbidden},
		"DNS rebinding":             {[]change{host("evil.example:9001")}, http.StatusForbidden},
		"a name of localhost":       {[]change{host("localhost.evil.example:9001")}, http.StatusForbidden},
		"an address in a name":      {[]change{host("127.0.0.1.nip.io:9001")}, http.StatusForbidden},
		"0.0.0.0":                   {[]change{host("0.0.0.0:9001")}, http.StatusForbidden},
		"two Hosts":                 {[]change{host("localhost, evil.example")}, http.StatusForbidden},
		"a public address":          {[]change{outside}, http.StatusForbidden},
		"a public address, as Host": {[]change{outside, host("localhost:9001")}, http.StatusForbidden},
		"not TCP":                   {[]change{func(r *http.Request) { *r = *r.WithContext(t.Context()) }}, http.StatusForbidden},
		"a unix socket":             {[]change{onUnixSocket}, http.StatusOK},
		"a unix socket by another":  {[]change{onUnixSocket, host("evil.example:9001")}, http.StatusForbidden},
		"a proxy on a unix socket":  {[]change{onUnixSocket, header("X-Forwarded-For", "198.51.100.7")}, http.StatusForbidden},
		"a proxy":                   {[]change{header("X-Forwarded-For", "198.51.100.7")}, http.StatusForbidden},
		"a proxy of RFC 7239":       {[]change{header("Forwarded", "for=198.51.100.7")}, http.StatusForbidden},
		"a proxy that says Via":     {[]change{header("Via", "1.1 proxy")}, http.StatusForbidden},
		"an empty field first":      {[]change{func(r *http.Request) { r.Header["X-Forwarded-For"] = []string{"", "198.51.100.7"} }}, http.StatusForbidden},
	} {
		for _, path := range []string{"/", "/api/messages", "/api/events?q=nosuchterm:x", "/static/main.js"} {
			t.Run(name+path, func(t *testing.T) {
				t.Parallel()
				want := c.want
				if want == http.StatusOK && strings.HasPrefix(path, "/api/events") {
					want = http.StatusBadRequest // was answered
				}
				assert.Equal(t, want, send(t, h, path, c.changes...).StatusCode)
			})
		}
	}
}

// Pages of other sites cannot use the browser of who may look.
func TestCrossSite(t *testing.T) {
	t.Parallel()
	h := mailbox(t, page.Config{})
	navigates := []change{header("Sec-Fetch-Site", "cross-site"), header("Sec-Fetch-Mode", "navigate"), header("Sec-Fetch-Dest", "document")}
	for name, c := range map[string]struct {
		path    string
		changes []change
		want    int
	}{
		"the page's own script":             {"/api/messages", []change{header("Sec-Fetch-Site", "same-origin")}, http.StatusOK},
		"an address that was typed":         {"/api/messages", []change{header("Sec-Fetch-Site", "none")}, http.StatusOK},
		"a script of another site":          {"/api/messages", []change{header("Sec-Fetch-Site", "cross-site")}, http.StatusForbidden},
		"a script of another port":          {"/api/messages", []change{header("Sec-Fetch-Site", "same-site")}, http.StatusForbidden},
		"a script tag of another site":      {"/static/main.js", []change{header("Sec-Fetch-Site", "cross-site"), header("Sec-Fetch-Dest", "script")}, http.StatusForbidden},
		"a frame of another site":           {"/", []change{header("Sec-Fetch-Site", "cross-site"), header("Sec-Fetch-Mode", "navigate"), header("Sec-Fetch-Dest", "iframe")}, http.StatusForbidden},
		"an old browser, another site":      {"/api/messages", []change{header("Origin", "https://evil.example")}, http.StatusForbidden},
		"an old browser, another port":      {"/api/messages", []change{header("Origin", "http://localhost:8080")}, http.StatusForbidden},
		"an old browser, an opaque origin":  {"/api/messages", []change{header("Origin", "null")}, http.StatusForbidden},
		"an old browser, a file":            {"/api/messages", []change{header("Origin", "file://localhost:9001")}, http.StatusForbidden},
		"an old browser, the page's script": {"/api/messages", []change{header("Origin", "http://localhost:9001")}, http.StatusOK},
		"a link of another site":            {"/message/00000003", navigates, http.StatusOK},
		"a link of another site to data":    {"/api/messages", navigates, http.StatusForbidden},
		"a link to a download":              {"/api/messages/00000003/record", navigates, http.StatusForbidden},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			assert.Equal(t, c.want, send(t, h, c.path, c.changes...).StatusCode)
		})
	}
}

func TestMethods(t *testing.T) {
	t.Parallel()
	h := mailbox(t, page.Config{})
	for _, m := range []string{"POST", "PUT", "DELETE", "PATCH", "OPTIONS", "TRACE", "CONNECT", "X"} {
		for _, path := range []string{"/", "/api/messages", "/api/messages/00000003", "/static/main.js"} {
			resp := send(t, h, path, method(m))
			assert.Equal(t, http.StatusMethodNotAllowed, resp.StatusCode, m+" "+path)
			assert.Equal(t, "GET, HEAD", resp.Header.Get("Allow"))
		}
	}
	for _, path := range []string{"/", "/api/server", "/api/events", "/static/main.js"} {
		assert.Equal(t, http.StatusOK, send(t, h, path, method("HEAD")).StatusCode, path)
	}
}

// Paths that leave the folder of the files, or look like it, have nothing.
func TestTraversal(t *testing.T) {
	t.Parallel()
	h := mailbox(t, page.Config{})
	for _, path := range []string{
		"/static/../config.go", "/static/../../../../../../etc/passwd", "/static/./main.js", "//static/main.js", "/static//main.js",
		`/static/..\config.go`, "/static/%2e%2e/config.go", "/static/main.js/", "/static/", "/static", "/static/main.js\x00", "/../etc/passwd",
		"/api/messages/..", "/api/messages/../server", "/api/messages/../../etc/passwd/record", "/api/messages/.hidden/record",
		"/api/messages/a%2fb/record", `/api/messages/a\b`, "/api/messages/" + strings.Repeat("9", 65), "/api/messages/0000 0003", "/api/messages/00000003\n",
		"/message/../server/", "/templates/login.html", "/index.html",
	} {
		assert.Equal(t, http.StatusNotFound, send(t, h, path).StatusCode, path)
	}
}

// Outside of loopback nothing is answered without the token, and at loopback neither if there is one.
func TestToken(t *testing.T) {
	t.Parallel()
	h := mailbox(t, page.Config{Token: token})
	paths := []string{"/", "/server", "/message/00000003", "/api/messages", "/api/messages/00000003", "/api/messages/00000003/record", "/api/server", "/api/plan", "/api/events", "/static/main.js", "/static/index.html", "/nothing"}
	for name, c := range map[string][]change{
		"none":                      {},
		"another scheme":            {header("Authorization", "Basic "+token)},
		"empty":                     {header("Authorization", "Bearer ")},
		"a part":                    {header("Authorization", "Bearer "+token[:31])},
		"too long":                  {header("Authorization", "Bearer "+token+"0")},
		"a cookie that is made up":  {header("Cookie", "sluice_inspect_00000000=9999999999."+strings.Repeat("0", 64))},
		"a proxy that is not known": {header("X-Forwarded-User", "root")},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			for i, path := range paths {
				own := "198.51.100." + strconv.Itoa(i+1) + ":" + strconv.Itoa(40000+len(name)) // no peer has too many attempts
				for _, at := range []change{outside, func(*http.Request) {}} {
					resp := send(t, h, path, append([]change{at, from(own)}, c...)...)
					text := body(t, resp)
					if resp.StatusCode != http.StatusTooManyRequests {
						assert.Equal(t, http.StatusUnauthorized, resp.StatusCode, path)
					}
					assert.NotContains(t, text, "example.net", path)
				}
			}
		})
	}
	t.Run("in the header", func(t *testing.T) {
		t.Parallel()
		assert.Equal(t, http.StatusOK, send(t, h, "/api/messages", outside, header("Authorization", "Bearer "+token)).StatusCode)
		assert.Equal(t, http.StatusOK, send(t, h, "/api/messages", header("Authorization", "Bearer "+token)).StatusCode)
	})
	t.Run("in the address of data", func(t *testing.T) {
		t.Parallel()
		assert.Equal(t, http.StatusUnauthorized, send(t, h, "/api/messages?token="+token, outside).StatusCode)
	})
}

// A browser exchanges the token for a cookie, with the form or with its address.
func TestLogin(t *testing.T) {
	t.Parallel()
	h := mailbox(t, page.Config{Token: token})
	shown := send(t, h, "/message/00000003", outside)
	text := body(t, shown)
	assert.Equal(t, http.StatusUnauthorized, shown.StatusCode)
	assert.Contains(t, text, `<input type="hidden" name="to" value="/message/00000003">`)
	for name, path := range map[string]string{"form": "/login", "address": "/message/00000003?token=" + token} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var resp *http.Response
			if name == "form" {
				resp = send(t, h, path, outside, form(url.Values{"token": {token}, "to": {"/message/00000003"}}.Encode()), header("Origin", "null"))
				assert.Equal(t, http.StatusSeeOther, resp.StatusCode)
				assert.Equal(t, "/message/00000003", resp.Header.Get("Location"))
			} else {
				resp = send(t, h, path, outside)
				assert.Equal(t, http.StatusOK, resp.StatusCode)
				assert.Contains(t, body(t, resp), `content="0; url=/message/00000003"`)
			}
			require.Len(t, resp.Cookies(), 1)
			c := resp.Cookies()[0]
			assert.True(t, c.HttpOnly)
			assert.Equal(t, http.SameSiteStrictMode, c.SameSite)
			assert.NotContains(t, c.Value, token)
			assert.Equal(t, http.StatusOK, send(t, h, "/api/messages", outside, cookies(resp)).StatusCode)

			forged := *c
			forged.Value = "9" + forged.Value
			assert.Equal(t, http.StatusUnauthorized, send(t, h, "/api/messages", outside, header("Cookie", forged.Name+"="+forged.Value)).StatusCode)
			other := mailbox(t, page.Config{Token: token + "!"})
			assert.Equal(t, http.StatusUnauthorized, send(t, other, "/api/messages", outside, cookies(resp)).StatusCode)
		})
	}
}

func TestLoginElsewhere(t *testing.T) {
	t.Parallel()
	h := mailbox(t, page.Config{Token: token})
	for _, to := range []string{"//evil.example", "https://evil.example", `/\evil.example`, "", "/x\r\nSet-Cookie: a=b", "javascript:alert(1)", "/../x", "/\t/evil.example", "/\n/evil.example", "/ /evil.example", "/\x00/evil.example"} {
		resp := send(t, h, "/login", outside, form(url.Values{"token": {token}, "to": {to}}.Encode()))
		assert.Equal(t, http.StatusSeeOther, resp.StatusCode)
		assert.Equal(t, "/", resp.Header.Get("Location"), to)
	}
	for _, path := range []string{"/\t/evil.example", "/\r/evil.example", `/\evil.example`} {
		for _, query := range []string{"", "?token=" + token} {
			assert.NotContains(t, body(t, send(t, h, path+query, outside)), "evil.example")
		}
	}
	assert.Equal(t, http.StatusForbidden, send(t, h, "/login", outside, form("token="+token), header("Origin", "https://evil.example")).StatusCode)
	assert.Equal(t, http.StatusBadRequest, send(t, h, "/login", outside, form("token="+strings.Repeat("x", 5000))).StatusCode)
	assert.Equal(t, http.StatusNotFound, send(t, mailbox(t, page.Config{}), "/login", form("token=")).StatusCode)
}

// What the form needs is answered without a token, but never with the cookie that stands for
// one. A user of the proxy gets no cookie with which the proxy is not needed either.
func TestNoCookieWithoutToken(t *testing.T) {
	t.Parallel()
	h := mailbox(t, page.Config{
		Token: token, ProxyUserHeader: "X-Forwarded-User", ProxyNetworks: []netip.Prefix{netip.MustParsePrefix("192.0.2.0/24")},
	})
	user := header("X-Forwarded-User", "ida")
	peers := 0
	for _, path := range []string{"/static/page.css", "/static/theme.js", "/login", "/", "/message/00000003"} {
		for name, changes := range map[string][]change{
			"GET": nil, "HEAD": {method("HEAD")}, "proxy": {user},
			"form": {form("token=wrong")}, "cookie": {header("Cookie", "token="+token)},
		} {
			peers++ // each has its own attempts
			changes = append([]change{outside, from("192.0.2." + strconv.Itoa(peers) + ":1")}, changes...)
			for _, query := range []string{"?token=", "?token=wrong", "?token=wrong&token=" + token, "?Token=" + token} {
				assert.Empty(t, send(t, h, path+query, changes...).Cookies(), name+" "+path+query)
			}
		}
	}
	resp := send(t, h, "/?token="+token, outside, from("192.0.2.200:1"), user)
	assert.Len(t, resp.Cookies(), 1, "a user of the proxy who knows the token, too")
}

func TestCookieExpires(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		h := mailbox(t, page.Config{Token: token})
		resp := send(t, h, "/?token="+token, outside)
		time.Sleep(7*24*time.Hour - time.Minute)
		assert.Equal(t, http.StatusOK, send(t, h, "/api/messages", outside, cookies(resp)).StatusCode)
		time.Sleep(2 * time.Minute)
		assert.Equal(t, http.StatusUnauthorized, send(t, h, "/api/messages", outside, cookies(resp)).StatusCode)
	})
}

// Who guesses has ten attempts a minute, and fills neither the memory nor the log.
func TestGuesses(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var lines lockedBuffer
		h := mailbox(t, page.Config{Token: token, Logger: slog.New(slog.NewTextHandler(&lines, nil))})
		guess := func(peer, value string) int {
			return send(t, h, "/api/messages", outside, from(peer), header("Authorization", "Bearer "+value)).StatusCode
		}
		for i := range 10 {
			require.Equal(t, http.StatusUnauthorized, guess("198.51.100.7:"+strconv.Itoa(40000+i), "guess"))
		}
		resp := send(t, h, "/api/messages", outside, header("Authorization", "Bearer "+token))
		assert.Equal(t, http.StatusTooManyRequests, resp.StatusCode, "the right token too: otherwise guessing goes on")
		assert.Equal(t, "60", resp.Header.Get("Retry-After"))
		assert.Equal(t, http.StatusOK, guess("198.51.100.8:40000", token), "another peer")
		for i := range 5000 {
			guess("203.0.113."+strconv.Itoa(i%250)+":1", "guess")
			guess("[2001:db8:"+strconv.FormatInt(int64(i), 16)+"::1]:1", "guess")
		}
		assert.Less(t, strings.Count(lines.String(), "\n"), 3000, "loglimit bounds the lines")
		assert.NotContains(t, lines.String(), token)
		time.Sleep(time.Minute)
		assert.Equal(t, http.StatusOK, guess("198.51.100.7:40000", token), "after a minute")
	})
}

func TestProxy(t *testing.T) {
	t.Parallel()
	h := mailbox(t, page.Config{ProxyUserHeader: "X-Forwarded-User", ProxyNetworks: []netip.Prefix{netip.MustParsePrefix("192.0.2.8/32"), netip.MustParsePrefix("127.0.0.1/32")}})
	user := header("X-Forwarded-User", "ida")
	for name, c := range map[string]struct {
		changes []change
		want    int
	}{
		"the proxy":                         {[]change{outside, from("192.0.2.8:4000"), user}, http.StatusOK},
		"the proxy, mapped":                 {[]change{outside, from("[::ffff:192.0.2.8]:4000"), user}, http.StatusOK},
		"the proxy at loopback":             {[]change{host("inspect.example.org"), user, header("X-Forwarded-For", "198.51.100.7")}, http.StatusOK},
		"the proxy without a user":          {[]change{outside, from("192.0.2.8:4000")}, http.StatusUnauthorized},
		"the proxy, an empty user":          {[]change{outside, from("192.0.2.8:4000"), header("X-Forwarded-User", "")}, http.StatusUnauthorized},
		"another host":                      {[]change{outside, from("192.0.2.9:4000"), user}, http.StatusUnauthorized},
		"at loopback without a user":        {nil, http.StatusUnauthorized},
		"a page of another site":            {[]change{outside, from("192.0.2.8:4000"), user, header("Sec-Fetch-Site", "cross-site")}, http.StatusForbidden},
		"an address that is none":           {[]change{outside, from("@"), user}, http.StatusUnauthorized},
		"a bearer token when there is none": {[]change{outside, header("Authorization", "Bearer ")}, http.StatusUnauthorized},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			assert.Equal(t, c.want, send(t, h, "/api/messages", c.changes...).StatusCode)
		})
	}
}

func TestHeaders(t *testing.T) {
	t.Parallel()
	for name, h := range map[string]http.Handler{"open": mailbox(t, page.Config{}), "with a token": mailbox(t, page.Config{Token: token})} {
		for _, path := range []string{"/", "/api/messages", "/api/messages/00000003/record", "/static/main.js", "/nothing", "/login"} {
			got := send(t, h, path).Header
			csp := got.Get("Content-Security-Policy")
			for _, directive := range []string{"default-src 'none'", "script-src 'self'", "style-src 'self'", "connect-src 'self'", "frame-ancestors 'none'", "base-uri 'none'", "form-action 'self'", "require-trusted-types-for 'script'"} {
				assert.Contains(t, csp, directive, name+path)
			}
			assert.NotContains(t, csp, "unsafe")
			assert.Equal(t, "nosniff", got.Get("X-Content-Type-Options"))
			assert.Equal(t, "no-referrer", got.Get("Referrer-Policy"))
			assert.Equal(t, "same-origin", got.Get("Cross-Origin-Opener-Policy"))
			assert.Equal(t, "same-origin", got.Get("Cross-Origin-Resource-Policy"))
			assert.Empty(t, got.Get("Access-Control-Allow-Origin"))
			if !strings.HasPrefix(path, "/static/") {
				assert.Equal(t, "no-store", got.Get("Cache-Control"), path)
			}
		}
	}
}
