package filter

import (
	"io"
	"mime"
	"mime/multipart"
	"path"
	"slices"
	"strings"
)

// HasProgram reports whether a part of the body has the file name of a program.
// It looks only where ordinary mail has its file names. It is only an example
// and does not protect against senders who hide the names.
func HasProgram(contentType string, body io.Reader) bool {
	kind, params, err := mime.ParseMediaType(contentType)
	if err != nil || !strings.HasPrefix(kind, "multipart/") {
		return false
	}
	for parts := multipart.NewReader(body, params["boundary"]); ; {
		part, err := parts.NextPart()
		if err != nil {
			return false // the end of the parts, or a malformed body
		}
		if isProgram(part.FileName()) || HasProgram(part.Header.Get("Content-Type"), part) {
			return true
		}
	}
}

func isProgram(name string) bool {
	programs := []string{".bat", ".cmd", ".com", ".exe", ".js", ".lnk", ".scr", ".vbs"}
	return slices.Contains(programs, strings.ToLower(path.Ext(name)))
}
