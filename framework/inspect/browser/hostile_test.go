package browser_test

import (
	"strings"
	"testing"
	"time"

	"github.com/sluicemail/sluice/framework/inspect/internal/page/pagetest"
	"github.com/sluicemail/sluice/framework/inspect/record"
	"github.com/stretchr/testify/assert"
)

// Nothing of hostile mail runs, loads or changes its surroundings, and all of it is shown.
func TestHostileMail(t *testing.T) {
	t.Parallel()
	source := pagetest.New(pagetest.Mailbox(5, time.Now())...)
	source.Add(pagetest.Hostile(6, time.Now()))
	source.Figures.Errors[0].Text = pagetest.Attacks[2]
	source.Figures.Errors[0].Filter = pagetest.Attacks[0]
	source.Figures.Filters[0].Name = pagetest.Attacks[2]
	tb := open(t, source, "/")
	harmless := tb.harmless
	tb.wait(rows + ` === 6`)
	harmless()
	assert.Contains(t, tb.text(`[data-id="00000006"]`), `<script>window.pwned=1</script>`)
	tb.shoot("hostile-list")

	tb.visit("/message/" + pagetest.ID(6))
	tb.wait(`document.querySelector(".message .answer") !== null`)
	eval[bool](tb, `for (const d of document.querySelectorAll("details")) d.open = true; true`)
	tb.wait(`document.querySelector("#readable .mime") !== null`)
	harmless()
	shown := tb.text("#content")
	for _, escape := range []string{`\x1b[31mred`, `invoice\u202efdp.exe`, `\u2066isolate\u2069`, `zero\u200bwidth\ufeff\u00ad\U000e0041`, `nul\x00 bell\x07`, `line\u2028separator`, `</script><script>`} {
		assert.Contains(t, shown, escape)
	}
	tb.allEscaped()

	// Long lists and texts are shown in parts.
	assert.Equal(t, 200, eval[int](tb, `document.querySelectorAll(".frames li").length`))
	eval[bool](tb, `[...document.querySelectorAll("#frames .pager button")].at(-1).click(), true`)
	assert.Contains(t, tb.text("#frames .pager"), "Frames 201–400 of 20,")
	eval[bool](tb, `document.querySelector(".diff .more").click(), true`)
	assert.Contains(t, tb.text(".diff span.pager"), "part 1 of")
	harmless()
	tb.shoot("hostile-message")

	tb.visit("/server")
	tb.wait(`document.querySelector("#errors table") !== null`)
	harmless()
	tb.visit("/?q=" + "%3Cscript%3Ewindow.pwned%3D1%3C%2Fscript%3E")
	tb.wait(rows + ` === 1`)
	harmless()
	tb.visit("/message/%3Cscript%3Ewindow.pwned=1%3C%2Fscript%3E")
	tb.wait(`document.querySelector(".error") !== null`)
	harmless()
	tb.visit("/message/%ff")
	tb.wait(`document.querySelector(".error") !== null`)
}

// harmless fails if anything of hostile mail has run, or became an element.
func (tb *tab) harmless() {
	t := tb.t
	t.Helper()
	assert.True(t, eval[bool](tb, `window.pwned === undefined && ({}).polluted === undefined`))
	assert.Equal(t, 2, eval[int](tb, `document.scripts.length`))
	assert.Zero(t, eval[int](tb, `document.querySelectorAll("img, iframe, object, embed, style, base, meta[http-equiv], math, image, #view form[action], [onerror], [onload], [onfocus], [onmouseover]").length`))
	assert.Zero(t, eval[int](tb, `[...document.querySelectorAll("a[href]")].filter((a) => !/^(\/|#)/.test(a.getAttribute("href"))).length`))
	assert.Less(t, eval[int](tb, `document.querySelectorAll("*").length`), 30_000)
}

// allEscaped fails if the page has a character that changes the direction of writing, or a control
// character.
func (tb *tab) allEscaped() {
	tb.t.Helper()
	assert.Empty(tb.t, eval[[]string](tb, `[...document.body.querySelectorAll("*")].filter((e) => e.children.length === 0 && /[\u202a-\u202e\u2066-\u2069\u0000-\u0008\u001b]/.test(e.textContent)).map((e) => e.outerHTML.slice(0, 200))`))
}

// A mail can be read decoded, with a key. What the encodings hid is as harmless as the rest, and is
// not fetched before.
func TestReadable(t *testing.T) {
	t.Parallel()
	tb := open(t, pagetest.New(pagetest.Parts(1, time.Now())), "/message/"+pagetest.ID(1))
	tb.wait(`document.querySelector(".message .answer") !== null`)
	assert.NotContains(t, tb.text("#view"), "Rechnung für März")
	tb.press("r")
	tb.wait(`document.querySelector("#readable .mime") !== null`)
	shown := tb.text("#readable")
	for _, part := range []string{
		"Rechnung für März", "Grüße, Olga", "<h1>Hello</h1>", "source, not rendered", "application/pdf", `invoice\u202efdp.exe`, "8 B", "attachment",
		`\u2066isolate\u2069`, `\x1b[31mred`, `zero\u200bwidth\ufeff`, "<script>window.pwned=1</script>", "multipart/mixed",
	} {
		assert.Contains(t, shown, part)
	}
	assert.NotContains(t, shown, "%PDF")
	tb.harmless()
	tb.allEscaped()
	tb.shoot("message-readable")
	tb.press("r")
	tb.wait(`!document.querySelector("#readable").open`)
	tb.press("r")
	tb.wait(`document.querySelector("#readable").open`)
	tb.clean()
	fetched := 0
	tb.mu.Lock()
	defer tb.mu.Unlock()
	for _, url := range tb.requests {
		if strings.HasSuffix(url, "/readable") {
			fetched++
		}
	}
	assert.Equal(t, 1, fetched)
}

// What a message has beyond the limits is not shown, and the page says so, of a text too of which
// nothing is shown.
func TestReadableIsCut(t *testing.T) {
	t.Parallel()
	m := pagetest.Parts(1, time.Now())
	m.Header = append(m.Header, record.Field{Name: "X-Long", Value: strings.Repeat("x", 1<<20)})
	tb := open(t, pagetest.New(m), "/message/"+pagetest.ID(1))
	tb.wait(`document.querySelector(".message .answer") !== null`)
	tb.press("r")
	tb.wait(`document.querySelector("#readable .mime") !== null`)
	assert.Contains(t, tb.text("#readable"), "The rest of the header is not shown.")

	m = pagetest.Parts(2, time.Now())
	m.Body = []byte("--b\r\n\r\n" + strings.Repeat("x", 1<<20) + "\r\n--b\r\n\r\nsecond text\r\n--b--\r\n")
	tb = open(t, pagetest.New(m), "/message/"+pagetest.ID(2))
	tb.wait(`document.querySelector(".message .answer") !== null`)
	assert.Zero(t, eval[int](tb, `document.querySelectorAll("#readable > [aria-live]").length`), "a screen reader would read all of the mail")
	tb.press("r")
	tb.wait(`document.querySelector("#readable .mime") !== null`)
	assert.Equal(t, 2, eval[int](tb, `[...document.querySelectorAll("#readable .missing")].filter((e) => e.innerText === "The rest of the text is not shown.").length`))
	assert.Equal(t, "The mail is decoded", tb.text("#status"))
	tb.clean()
}
