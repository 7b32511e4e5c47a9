package dkim

import (
	"encoding/base64"
	"strconv"
	"strings"
)

// maxLine is the width of a signature's lines.
const maxLine = 76

// folder writes a value in lines. Where a piece does not fit, a line begins
// with a tab before it.
type folder struct {
	strings.Builder
	width int
}

// add writes a piece that is not broken; the space that begins it is left out
// at the begin of a line.
func (f *folder) add(piece string) {
	if f.width+len(piece) > maxLine {
		_, _ = f.WriteString("\n\t")
		f.width = 1
		piece = strings.TrimPrefix(piece, " ")
	}
	_, _ = f.WriteString(piece)
	f.width += len(piece)
}

// unsigned returns a signature's value up to its b= tag, which is empty.
func (s *signing) unsigned(k *signKey, from string, names []string, bodySum []byte) string {
	var f folder
	f.width = len(signatureField) + 2
	d := k.domainFor(from)
	f.add("v=1;")
	f.add(" a=" + k.kind + "-sha256;")
	f.add(" c=" + s.header.String() + "/" + s.body.String() + ";")
	f.add(" d=" + d + ";")
	f.add(" s=" + k.Selector + ";")
	if id := k.auid(from, d); id != "" {
		f.add(" i=" + id + ";")
	}
	now := s.now().Unix()
	if !s.noTime {
		f.add(" t=" + strconv.FormatInt(now, 10) + ";")
	}
	if s.lifetime > 0 {
		f.add(" x=" + strconv.FormatInt(now+int64(s.lifetime.Seconds()), 10) + ";")
	}
	tag, last := " h=", len(names)-1
	for _, name := range names[:last] {
		f.add(tag + name + ":")
		tag = ""
	}
	f.add(tag + names[last] + ";")
	f.add(" bh=" + base64.StdEncoding.EncodeToString(bodySum) + ";")
	f.width = maxLine // the signature has lines of its own
	f.add(" b=")
	return f.String()
}

// auid returns what i= holds. It is always in the signing domain or below it,
// and an address that would have to be encoded is left out.
func (k *signKey) auid(from, d string) string {
	local, domain := splitAddress(from)
	domain = strings.ToLower(domain)
	if k.Identity != "" {
		local, domain = splitAddress(strings.ReplaceAll(k.Identity, fromDomain, domain))
		domain = asciiDomain(domain)
		if !within(domain, d) || local != "" && !isLocal(local) {
			return ""
		}
		return local + "@" + domain
	}
	if k.AUID == NoAUID || !within(domain, d) || !isDomain(domain) {
		return ""
	}
	if k.AUID == AUIDDomain || !isLocal(local) {
		return "@" + domain
	}
	return local + "@" + domain
}

// isLocal reports whether an address's left side can stand in a tag as it is.
func isLocal(local string) bool {
	for i := range len(local) {
		if c := local[i]; !isAlphaNum(c) && !strings.ContainsRune("!#$%&'*+-/?^_`{|}~.", rune(c)) {
			return false
		}
	}
	return local != "" && len(local) <= 64
}

// foldBase64 encodes in lines, the first of which stands after "b=".
func foldBase64(b []byte) string {
	text := base64.StdEncoding.EncodeToString(b)
	var out strings.Builder
	for width := maxLine - len("\tb="); len(text) > width; width = maxLine - len("\t") {
		out.WriteString(text[:width] + "\n\t")
		text = text[width:]
	}
	out.WriteString(text)
	return out.String()
}
