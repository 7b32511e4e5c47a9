package page

import (
	"crypto/hmac"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/hex"
	"log/slog"
	"net/http"
	"path"
	"strconv"
	"strings"
	"time"
)

const (
	loginPath  = "/login"
	tokenParam = "token"
	// maxForm is the size in bytes of the form with the token.
	maxForm = 4 << 10
	// cookieLife is how long a browser need not ask for the token again.
	cookieLife = 7 * 24 * time.Hour
)

// authenticate decides whether a request has the token.
func (h *Handler) authenticate(r *http.Request) (status int, why string) {
	const needed = "a token is needed"
	given, ok := strings.CutPrefix(r.Header.Get("Authorization"), "Bearer ")
	if !ok && !isAPI(r) {
		given = r.URL.Query().Get(tokenParam)
		ok = given != ""
	}
	switch {
	case ok:
		return h.try(r, given)
	case h.hasCookie(r):
		return 0, ""
	}
	return http.StatusUnauthorized, needed
}

// try compares a token with that of the configuration. It counts what is wrong, and then
// refuses without comparing.
func (h *Handler) try(r *http.Request, given string) (status int, why string) {
	peer := peerName(r)
	if !h.attempts.allowed(peer, time.Now()) {
		return http.StatusTooManyRequests, "too many wrong tokens: wait a minute"
	}
	want, got := sha256.Sum256([]byte(h.config.Token)), sha256.Sum256([]byte(given))
	if h.config.Token != "" && subtle.ConstantTimeCompare(want[:], got[:]) == 1 {
		return 0, ""
	}
	h.attempts.failed(peer, time.Now())
	slog.New(h.lines.Handler(peer, "", h.log, h.log)).Warn("inspect: wrong token", "peer", r.RemoteAddr)
	return http.StatusUnauthorized, "the token is wrong"
}

// login answers the form: it exchanges the token for a cookie.
func (h *Handler) login(w http.ResponseWriter, r *http.Request) {
	_ = http.NewResponseController(w).SetReadDeadline(time.Now().Add(eventTimeout))
	r.Body = http.MaxBytesReader(w, r.Body, maxForm)
	if err := r.ParseForm(); err != nil {
		refuse(w, r, http.StatusBadRequest, "the form cannot be read")
		return
	}
	to := localPath(r.PostForm.Get("to"))
	if h.config.Token == "" {
		refuse(w, r, http.StatusNotFound, "there is no token here")
		return
	}
	if status, why := h.try(r, r.PostForm.Get(tokenParam)); status != 0 {
		w.WriteHeader(status)
		writeLogin(w, to, why)
		return
	}
	h.setCookie(w, r)
	http.Redirect(w, r, to, http.StatusSeeOther) //nolint:gosec // localPath has checked it
}

// exchange answers a request for a page that has the token in its address: with a cookie, and a
// page that leads to the address without the token. A redirect would not do: a browser that
// follows a link of another site sends no strict cookie with it. It compares the token itself,
// because some requests are admitted without one.
func (h *Handler) exchange(w http.ResponseWriter, r *http.Request) {
	if h.config.Token != "" {
		if status, why := h.try(r, r.URL.Query().Get(tokenParam)); status != 0 {
			h.turnAway(w, r, status, why)
			return
		}
		h.setCookie(w, r)
	}
	writeContinue(w, localPath(r.URL.Path))
}

// setCookie gives the browser a cookie that stands for the token.
func (h *Handler) setCookie(w http.ResponseWriter, r *http.Request) {
	expires := strconv.FormatInt(time.Now().Add(cookieLife).Unix(), 10)
	http.SetCookie(w, &http.Cookie{ //nolint:gosec // Secure where the page is served with TLS
		Name: h.cookieName(), Value: expires + "." + h.sign("cookie "+expires), Path: "/",
		MaxAge: int(cookieLife / time.Second), HttpOnly: true, SameSite: http.SameSiteStrictMode, Secure: r.TLS != nil,
	})
}

// hasCookie reports whether a request has a cookie that is valid still.
func (h *Handler) hasCookie(r *http.Request) bool {
	if h.config.Token == "" {
		return false
	}
	cookie, err := r.Cookie(h.cookieName())
	if err != nil {
		return false
	}
	expires, mac, _ := strings.Cut(cookie.Value, ".")
	if subtle.ConstantTimeCompare([]byte(mac), []byte(h.sign("cookie "+expires))) != 1 {
		return false
	}
	seconds, err := strconv.ParseInt(expires, 10, 64)
	return err == nil && time.Now().Before(time.Unix(seconds, 0))
}

// cookieName depends on the token, because all ports of a host share their cookies.
func (h *Handler) cookieName() string { return "sluice_inspect_" + h.sign("name")[:8] }

// sign returns a code that only who has the token can make.
func (h *Handler) sign(text string) string {
	mac := hmac.New(sha256.New, []byte(h.config.Token))
	mac.Write([]byte("sluice inspect " + text))
	return hex.EncodeToString(mac.Sum(nil))
}

// localPath returns a path of this server, or "/" if to is none. Browsers drop tabs and line ends
// from an address, and take a backslash for a slash, so that what follows would be a host.
func localPath(to string) string {
	strange := func(r rune) bool { return r <= ' ' || r == '\\' || r == 0x7f }
	if !strings.HasPrefix(to, "/") || path.Clean(to) != to || strings.ContainsFunc(to, strange) {
		return "/"
	}
	return to
}
