package browser_test

import (
	"testing"
	"time"

	"github.com/sluicemail/sluice/framework/inspect/internal/page/pagetest"
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
	harmless := func() {
		t.Helper()
		assert.True(t, eval[bool](tb, `window.pwned === undefined && ({}).polluted === undefined`))
		assert.Equal(t, 2, eval[int](tb, `document.scripts.length`))
		assert.Zero(t, eval[int](tb, `document.querySelectorAll("img, iframe, object, embed, style, base, meta[http-equiv], math, image, #view form[action], [onerror], [onload], [onfocus], [onmouseover]").length`))
		assert.Zero(t, eval[int](tb, `[...document.querySelectorAll("a[href]")].filter((a) => !/^(\/|#)/.test(a.getAttribute("href"))).length`))
		assert.Less(t, eval[int](tb, `document.querySelectorAll("*").length`), 30_000)
	}
	tb.wait(rows + ` === 6`)
	harmless()
	assert.Contains(t, tb.text(`[data-id="00000006"]`), `<script>window.pwned=1</script>`)
	tb.shoot("hostile-list")

	tb.visit("/message/" + pagetest.ID(6))
	tb.wait(`document.querySelector(".message .answer") !== null`)
	eval[bool](tb, `for (const d of document.querySelectorAll("details")) d.open = true; true`)
	harmless()
	shown := tb.text("#content")
	for _, escape := range []string{`\x1b[31mred`, `invoice\u202efdp.exe`, `\u2066isolate\u2069`, `zero\u200bwidth\ufeff\u00ad\U000e0041`, `nul\x00 bell\x07`, `line\u2028separator`, `</script><script>`} {
		assert.Contains(t, shown, escape)
	}
	assert.Empty(t, eval[[]string](tb, `[...document.body.querySelectorAll("*")].filter((e) => e.children.length === 0 && /[\u202a-\u202e\u2066-\u2069\u0000-\u0008\u001b]/.test(e.textContent)).map((e) => e.outerHTML.slice(0, 200))`))

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
