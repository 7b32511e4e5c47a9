package page

import (
	"embed"
	"encoding/json"
	"html/template"
	"net/http"
)

// Failed is the JSON of a refusal.
type Failed struct {
	Status int    `json:"status"`
	Error  string `json:"error"`
}

// refuse answers that a request cannot be answered: in JSON to a program, otherwise as a text.
func refuse(w http.ResponseWriter, r *http.Request, status int, why string) {
	if !isAPI(r) {
		http.Error(w, why, status)
		return
	}
	text, err := json.Marshal(Failed{Status: status, Error: why})
	if err != nil { // of a number and a string
		http.Error(w, why, status)
		return
	}
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_, _ = w.Write(append(text, '\n'))
}

// turnAway answers a request that is not admitted. Who opens a page without a token gets the
// form for it.
func (h *Handler) turnAway(w http.ResponseWriter, r *http.Request, status int, why string) {
	switch status {
	case http.StatusUnauthorized:
		w.Header().Set("WWW-Authenticate", `Bearer realm="sluice inspect"`)
	case http.StatusTooManyRequests:
		w.Header().Set("Retry-After", "60")
	}
	if status == http.StatusForbidden || isAPI(r) || h.config.Token == "" {
		refuse(w, r, status, why)
		return
	}
	w.WriteHeader(status)
	writeLogin(w, localPath(r.URL.Path), why)
}

//go:embed templates
var templates embed.FS

// The pages that are made for a request.
var (
	loginPage    = template.Must(template.ParseFS(templates, "templates/login.html"))
	continuePage = template.Must(template.ParseFS(templates, "templates/continue.html"))
)

// writeLogin writes the form for the token, which leads to a path.
func writeLogin(w http.ResponseWriter, to, why string) {
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	_ = loginPage.Execute(w, struct{ To, Why string }{to, why})
}

// writeContinue writes a page that leads to a path.
func writeContinue(w http.ResponseWriter, to string) {
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	_ = continuePage.Execute(w, struct{ To string }{to})
}
