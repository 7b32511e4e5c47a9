package banner_test

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/sluicemail/sluice/framework/message/parts/banner"
)

// multipart returns a part of a multipart with parts in it.
func multipart(kind, boundary string, list ...string) string {
	var b strings.Builder
	_, _ = b.WriteString("Content-Type: multipart/" + kind + "; boundary=" + boundary + "\n\n")
	for _, p := range list {
		_, _ = b.WriteString("--" + boundary + "\n" + p + "\n")
	}
	return b.String() + "--" + boundary + "--\n"
}

const (
	plain    = "Content-Type: text/plain\n\nHello"
	page     = "Content-Type: text/html\n\n<p>Hello"
	picture  = "Content-Type: image/png\nContent-ID: <picture>\n\n"
	file     = "Content-Type: text/plain\nContent-Disposition: attachment; filename=a.txt\n\nfile"
	named    = "Content-Type: text/html; name=a.html\n\nfile"
	calendar = "Content-Type: text/calendar\n\nBEGIN:VCALENDAR"
)

// TestParts tests which parts get a banner.
func TestParts(t *testing.T) {
	t.Parallel()
	alternative := multipart("alternative", "alt", plain, page)
	for name, c := range map[string]struct{ message, want string }{
		"text":                         {plain, " "},
		"HTML":                         {page, " "},
		"no type":                      {"Subject: x\n\nHello", " "},
		"picture":                      {picture, ""},
		"text as a file":               {file, ""},
		"alternatives":                 {alternative, "1 2"},
		"three alternatives":           {multipart("alternative", "b", plain, calendar, page), "1 3"},
		"mixed":                        {multipart("mixed", "b", plain, file, plain), "1"},
		"file first":                   {multipart("mixed", "b", file, plain), "2"},
		"picture first":                {multipart("mixed", "b", picture, plain), "2"},
		"named HTML":                   {multipart("mixed", "b", named, plain), "2"},
		"named HTML alone":             {named, " "},
		"named alternative":            {multipart("alternative", "b", plain, named), "1 2"},
		"named root":                   {multipart("related", "b", named, picture), "1"},
		"file as an alternative":       {multipart("alternative", "b", plain, file), "1"},
		"alternatives in mixed":        {multipart("mixed", "b", alternative, plain), "1.1 1.2"},
		"related":                      {multipart("related", "b", page, picture), "1"},
		"related with a start":         {multipart("related; start=\"<x>\"", "b", plain, "Content-ID: <x>\n"+page), "1 2"},
		"related with a false start":   {multipart("related; start=\"<y>\"", "b", page, "Content-ID: <x>\n"+page), "1"},
		"related in alternatives":      {multipart("alternative", "b", plain, multipart("related", "r", page, picture)), "1 2.1"},
		"mixed in alternatives":        {multipart("alternative", "b", plain, multipart("mixed", "m", page, file, page)), "1 2.1"},
		"alternatives in related":      {multipart("related", "b", alternative, picture), "1.1 1.2"},
		"unknown multipart":            {multipart("x", "b", plain, plain), "1"},
		"digest":                       {multipart("digest", "b", "\nSubject: x\n\nHello"), ""},
		"attached message":             {multipart("mixed", "b", "Content-Type: message/rfc822\n\n"+plain), ""},
		"attached message, then text":  {multipart("mixed", "b", "Content-Type: message/rfc822\n\n"+plain, plain), "2"},
		"report":                       {multipart("report", "b", plain, "Content-Type: message/delivery-status\n\nx: y\n"), "1"},
		"part without an empty line":   {multipart("mixed", "b", "Content-Type: text/plain", plain), "2"},
		"inline without a name":        {"Content-Disposition: inline\n" + plain, " "},
		"form data":                    {"Content-Disposition: form-data\n" + plain, ""},
		"mixed in mixed, text at last": {multipart("mixed", "b", multipart("mixed", "m", picture), plain), "2"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			for _, place := range []banner.Place{banner.Top, banner.Bottom} {
				m := divide("MIME-Version: 1.0\n" + c.message + "\n")
				p, err := newBanner(t, plainAt(place)).Plan(m.message())
				require.NoError(t, err)
				var paths []string
				for _, o := range p.Parts() {
					paths = append(paths, o.Path)
				}
				want := strings.Fields(c.want)
				if c.want == " " {
					want = []string{""}
				}
				assert.Equal(t, want, append([]string{}, paths...))
				assert.Equal(t, len(want) > 0, p.Changes())
				changed := m.apply(t, p)
				assert.Equal(t, len(want), strings.Count(changed.body, "External sender"))
			}
		})
	}
}

// TestAddedPart tests messages without a text.
func TestAddedPart(t *testing.T) {
	t.Parallel()
	part := "Content-Type: text/plain; charset=utf-8\r\nContent-Disposition: inline\r\n\r\nExternal sender\r\n"
	for name, c := range map[string]struct {
		message string
		order   []string // what comes in this order, at the top and at the bottom
		bottom  []string
	}{
		"a picture": {
			picture,
			[]string{"multipart/mixed", part, "image/png"},
			[]string{"multipart/mixed", "image/png", part},
		},
		"related without a text": {
			multipart("related", "b", picture),
			[]string{"multipart/mixed", part, "multipart/related", "--b\r\n", "image/png"},
			[]string{"multipart/mixed", "multipart/related", "--b\r\n", "image/png", part},
		},
		"mixed": {
			multipart("mixed", "b", picture, file),
			[]string{"multipart/mixed", part, "image/png", "a.txt"},
			[]string{"multipart/mixed", "image/png", "a.txt", part},
		},
		"mixed without a part": {
			multipart("mixed", "b"),
			[]string{"multipart/mixed", part},
			[]string{"multipart/mixed", part},
		},
		"a text": {
			plain,
			[]string{"External sender\r\n\r\nHello"},
			[]string{"Hello\r\n\r\nExternal sender"},
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			for place, order := range map[banner.Place][]string{banner.Top: c.order, banner.Bottom: c.bottom} {
				config := plainAt(place)
				config.AddPart = true
				text := add(t, config, divide("MIME-Version: 1.0\n"+c.message+"\n")).text()
				rest := text
				for _, want := range order {
					_, after, ok := strings.Cut(rest, want)
					require.True(t, ok, "%q is not in\n%s", want, text)
					rest = after
				}
				assert.Equal(t, 1, strings.Count(text, "External sender"))
			}
		})
	}
}

// TestAddedPartReports tests what the plan says about a part that is added.
func TestAddedPartReports(t *testing.T) {
	t.Parallel()
	config := plainAt(banner.Top)
	config.AddPart = true
	p, err := newBanner(t, config).Plan(divide("MIME-Version: 1.0\n" + picture).message())
	require.NoError(t, err)
	assert.Equal(t, []banner.Outcome{{Path: "", Type: "text/plain", Variant: banner.Added}}, p.Parts())
}

// TestAddedPartKeepsHeader tests that no part is added if the header would have to change.
func TestAddedPartKeepsHeader(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		message string
		changes bool
	}{
		"a picture":               {picture, false},
		"related":                 {multipart("related", "b", picture), false},
		"mixed":                   {multipart("mixed", "b", picture), true},
		"mixed without a version": {"Subject: x\n" + multipart("mixed", "b", picture), true},
	} {
		for _, place := range []banner.Place{banner.Top, banner.Bottom} {
			config := plainAt(place)
			config.AddPart, config.KeepHeader = true, true
			p, err := newBanner(t, config).Plan(divide(c.message).message())
			require.NoError(t, err, name)
			assert.Equal(t, c.changes, p.Changes(), name)
			assert.Empty(t, p.Header(), name)
		}
	}
}
