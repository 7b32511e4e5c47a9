package main

import (
	"io"
	"mime"
	"mime/multipart"
	"path"
	"slices"
	"strings"
)

// hasProgram reports whether a part of the body bears a file name that a
// desktop would run. It looks where well-meant mail has its names: an example,
// and no defence against those who hide them.
func hasProgram(contentType string, body io.Reader) bool {
	kind, params, err := mime.ParseMediaType(contentType)
	if err != nil || !strings.HasPrefix(kind, "multipart/") {
		return false
	}
	for parts := multipart.NewReader(body, params["boundary"]); ; {
		part, err := parts.NextPart()
		if err != nil {
			return false // no more parts, or none that can be told apart
		}
		if isProgram(part.FileName()) || hasProgram(part.Header.Get("Content-Type"), part) {
			return true
		}
	}
}

func isProgram(name string) bool {
	programs := []string{".bat", ".cmd", ".com", ".exe", ".js", ".lnk", ".scr", ".vbs"}
	return slices.Contains(programs, strings.ToLower(path.Ext(name)))
}
