package page

import (
	"crypto/sha256"
	"embed"
	"encoding/hex"
	"io/fs"
	"mime"
	"net/http"
	"path"
)

//go:embed static
var static embed.FS

// What the form for the token needs of the static files.
const (
	styleSheet  = "page.css"
	themeScript = "theme.js"
	shellFile   = "index.html"
)

// files are the embedded files, by their names. Only what is in the map is ever served.
type files map[string]file

type file struct {
	text      []byte
	mediaType string
	etag      string
}

// embedded reads the embedded files.
func embedded() files {
	all := make(files)
	entries, err := fs.ReadDir(static, "static")
	if err != nil { // it is part of the program
		panic(err)
	}
	for _, entry := range entries {
		text, err := fs.ReadFile(static, "static/"+entry.Name())
		if err != nil {
			panic(err)
		}
		sum := sha256.Sum256(text)
		all[entry.Name()] = file{text, mediaType(entry.Name()), `"` + hex.EncodeToString(sum[:12]) + `"`}
	}
	return all
}

// mediaType does not depend on the tables of the system.
func mediaType(name string) string {
	switch path.Ext(name) {
	case ".css":
		return "text/css; charset=utf-8"
	case ".js":
		return "text/javascript; charset=utf-8"
	case ".svg":
		return "image/svg+xml"
	case ".html":
		return "text/html; charset=utf-8"
	}
	return mime.TypeByExtension(path.Ext(name))
}

// static answers a request for a file. Browsers keep it, and ask each time whether it is
// current.
func (h *Handler) static(w http.ResponseWriter, r *http.Request) {
	f, ok := h.files[r.PathValue("name")]
	if !ok {
		refuse(w, r, http.StatusNotFound, "there is nothing at this address")
		return
	}
	w.Header().Set("Cache-Control", "no-cache")
	f.serve(w, r)
}

// shell answers a request for a view: the same HTML for all, because its scripts make them.
func (h *Handler) shell(w http.ResponseWriter, r *http.Request) { h.files[shellFile].serve(w, r) }

func (f file) serve(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Content-Type", f.mediaType)
	w.Header().Set("ETag", f.etag)
	if r.Header.Get("If-None-Match") == f.etag {
		w.WriteHeader(http.StatusNotModified)
		return
	}
	_, _ = w.Write(f.text)
}
