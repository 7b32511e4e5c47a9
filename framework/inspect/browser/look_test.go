package browser_test

import (
	"log/slog"
	"testing"
	"time"

	"github.com/chromedp/cdproto/emulation"
	inspectpage "github.com/sluicemail/sluice/framework/inspect/internal/page"
	"github.com/sluicemail/sluice/framework/inspect/internal/page/pagetest"
	"github.com/stretchr/testify/assert"
)

// views are the views, with what each has once it is drawn.
var views = map[string]struct{ path, drawn string }{
	"list":    {"/", rows + ` === 20`},
	"message": {"/message/" + pagetest.ID(1), `document.querySelector(".message .answer") !== null`},
	"refused": {"/message/" + pagetest.ID(3), `document.querySelector(".message .answer") !== null`},
	"failed":  {"/message/" + pagetest.ID(6), `document.querySelector(".message .answer") !== null`},
	"server":  {"/server", `document.querySelector(".chart") !== null`},
}

// faintTexts lists the texts whose contrast with their ground is below 4.5 (WCAG 2.2, 1.4.3).
const faintTexts = `(() => {
	const canvas = document.createElement("canvas").getContext("2d", { willReadFrequently: true });
	const rgba = (color) => { canvas.clearRect(0, 0, 1, 1); canvas.fillStyle = color; canvas.fillRect(0, 0, 1, 1); return canvas.getImageData(0, 0, 1, 1).data; };
	const light = (c) => [0.2126, 0.7152, 0.0722].reduce((sum, share, i) => {
		const v = c[i] / 255;
		return sum + share * (v <= 0.04045 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4);
	}, 0);
	const ground = (e) => { for (; e; e = e.parentElement) { const c = rgba(getComputedStyle(e).backgroundColor); if (c[3] > 0) return c; } return [255, 255, 255]; };
	return [...document.body.querySelectorAll("*")].filter((e) => e.checkVisibility() && !e.disabled && [...e.childNodes].some((n) => n.nodeType === 3 && n.data.trim()))
		.map((e) => { const a = light(rgba(getComputedStyle(e).color)), b = light(ground(e)); return [(Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05), e]; })
		.filter(([ratio]) => ratio < 4.5).map(([ratio, e]) => ratio.toFixed(2) + " " + e.outerHTML.slice(0, 120));
})()`

func TestContrast(t *testing.T) {
	t.Parallel()
	tb := open(t, pagetest.New(pagetest.Mailbox(20, time.Now())...), "/")
	for name, view := range views {
		tb.visit(view.path)
		tb.wait(view.drawn)
		for _, scheme := range []string{"light", "dark"} {
			tb.colors(scheme)
			assert.Empty(t, eval[[]string](tb, faintTexts), name+" "+scheme)
			tb.shoot(name + "-" + scheme)
		}
	}
	tb.clean()
}

// On a small screen nothing is wider than the screen, and the list has cards.
func TestSmallScreen(t *testing.T) {
	t.Parallel()
	tb := open(t, pagetest.New(append(pagetest.Mailbox(19, time.Now()), pagetest.Hostile(20, time.Now()))...), "/")
	tb.size(375, 740)
	for name, view := range views {
		tb.visit(view.path)
		tb.wait(view.drawn)
		assert.LessOrEqual(t, eval[int](tb, `document.documentElement.scrollWidth`), 375, name)
		tb.shoot("small-" + name)
	}
	tb.visit("/message/" + pagetest.ID(20))
	tb.wait(`document.querySelector(".message .answer") !== null`)
	assert.LessOrEqual(t, eval[int](tb, `document.documentElement.scrollWidth`), 375, "hostile mail")
	tb.size(320, 740)
	tb.visit(views["message"].path)
	tb.wait(views["message"].drawn)
	assert.LessOrEqual(t, eval[int](tb, `document.documentElement.scrollWidth`), 320)
	assert.Equal(t, []string{`"waited"`, `"worked"`}, eval[[]string](tb, `[...document.querySelectorAll(".timeline .stage:nth-child(n+5) .number")]
		.slice(0, 2).map((e) => getComputedStyle(e, "::before").content)`), "there is no head that names the columns")
	assert.Empty(t, eval[[]string](tb, `[...document.querySelectorAll(".timeline .stage")].map((e) => [...e.children].filter((c) => c.clientWidth > 0))
		.filter(([name, , next]) => name.getBoundingClientRect().right > next.getBoundingClientRect().left && name.getBoundingClientRect().bottom > next.getBoundingClientRect().top)
		.map(([name]) => name.textContent)`), "names over times")
	tb.clean()
}

// The hint in the search field is seen in full, also after the window has become smaller.
func TestSearchHint(t *testing.T) {
	t.Parallel()
	tb := open(t, pagetest.New(pagetest.Mailbox(20, time.Now())...), "/")
	const room = `(() => {
		const field = document.querySelector("#search"), style = getComputedStyle(field), text = document.createElement("canvas").getContext("2d");
		text.font = style.font;
		return Math.floor(field.clientWidth - parseFloat(style.paddingLeft) - parseFloat(style.paddingRight) - text.measureText(field.placeholder).width);
	})()`
	for _, width := range []int64{1360, 720, 360, 320} {
		tb.size(width, 740)
		tb.wait(rows + ` === 20`)
		tb.wait(room + ` >= 20`) // a button to clear the field has its place there
	}
	tb.clean()
}

// On a screen of medium width there is room for a reply in the list, and for words in each column
// of a message.
func TestMediumScreen(t *testing.T) {
	t.Parallel()
	tb := open(t, pagetest.New(pagetest.Mailbox(20, time.Now())...), "/")
	for _, width := range []int64{720, 800, 1000, 1200} {
		tb.size(width, 800)
		tb.visit("/")
		tb.wait(views["list"].drawn)
		assert.LessOrEqual(t, eval[int64](tb, `document.documentElement.scrollWidth`), width)
		assert.GreaterOrEqual(t, eval[int](tb, `document.querySelector(".row .what").clientWidth`), 380, "a reply at %d", width)
		tb.visit(views["message"].path)
		tb.wait(views["message"].drawn)
		assert.LessOrEqual(t, eval[int64](tb, `document.documentElement.scrollWidth`), width)
		assert.GreaterOrEqual(t, eval[int](tb, `Math.min(...[...document.querySelectorAll(":is(.timeline, .filters) th")].map((e) => e.clientWidth))`), 75, "a column at %d", width)
	}
	tb.clean()
}

// The reader's choice of colours outlasts the page, and goes before the system's.
func TestTheme(t *testing.T) {
	t.Parallel()
	tb := open(t, pagetest.New(), "/")
	const ground = `getComputedStyle(document.body).backgroundColor`
	tb.colors("light")
	light := eval[string](tb, ground)
	tb.colors("dark")
	dark := eval[string](tb, ground)
	assert.NotEqual(t, light, dark)
	eval[bool](tb, `document.querySelector("#theme").click(), true`)
	assert.Equal(t, light, eval[string](tb, ground))
	tb.visit("/server")
	assert.Equal(t, light, eval[string](tb, ground))
	eval[bool](tb, `document.querySelector("#theme").click(), true`)
	tb.colors("light")
	assert.Equal(t, dark, eval[string](tb, ground))
	tb.clean()
}

// What a reader of the screen needs: landmarks, headings, names, and no motion if it is not wanted.
func TestAccessible(t *testing.T) {
	t.Parallel()
	tb := open(t, pagetest.New(pagetest.Mailbox(20, time.Now())...), "/")
	call(tb, emulation.SetEmulatedMedia, emulation.SetEmulatedMediaParams{Features: []*emulation.MediaFeature{{Name: "prefers-reduced-motion", Value: "reduce"}}})
	for name, view := range views {
		tb.visit(view.path)
		tb.wait(view.drawn)
		assert.Equal(t, 1, eval[int](tb, `document.querySelectorAll("main").length`), name)
		assert.Equal(t, 1, eval[int](tb, `document.querySelectorAll("main h1").length`), name)
		assert.Equal(t, "polite", eval[string](tb, `document.querySelector("#status").getAttribute("aria-live")`))
		assert.Equal(t, "en", eval[string](tb, `document.documentElement.lang`))
		assert.Empty(t, eval[[]string](tb, `[...document.querySelectorAll("button, a, summary")].filter((e) => !(e.getAttribute("aria-label") ?? e.textContent).trim()).map((e) => e.outerHTML)`), name)
		assert.Empty(t, eval[[]string](tb, `[...document.querySelectorAll("input")].filter((e) => e.labels.length === 0).map((e) => e.outerHTML)`), name)
		assert.Empty(t, eval[[]string](tb, `[...document.querySelectorAll("svg")].filter((e) => !e.getAttribute("aria-label")).map((e) => e.outerHTML.slice(0, 80))`), name)
		assert.Empty(t, eval[[]string](tb, `[...document.querySelectorAll("[id]")].map((e) => e.id).filter((id, i, all) => all.indexOf(id) !== i)`), name)
		assert.Empty(t, eval[[]string](tb, `[...document.querySelectorAll("*")].filter((e) => getComputedStyle(e).transitionDuration !== "0s" || getComputedStyle(e).animationName !== "none").map((e) => e.outerHTML.slice(0, 80))`), name)
	}
	tb.clean()
}

// Who has the token gets in, with the form or with its address, which does not stay in sight.
func TestLogin(t *testing.T) {
	t.Parallel()
	const token = "0123456789abcdef"
	h := inspectpage.New(pagetest.New(pagetest.Mailbox(20, time.Now())...), inspectpage.Config{Token: token, Logger: slog.New(slog.DiscardHandler)})
	t.Cleanup(func() { assert.NoError(t, h.Close()) })
	for name, enter := range map[string]func(*tab){
		"the form": func(tb *tab) {
			tb.navigate("/message/" + pagetest.ID(3))
			tb.wait(`document.querySelector("#token") === document.activeElement && ` + painted)
			tb.shoot("login")
			tb.press(token)
			tb.wait(`document.querySelector("#token").value === "` + token + `"`)
			eval[bool](tb, `document.querySelector("button").click(), true`)
		},
		"the address": func(tb *tab) { tb.navigate("/message/" + pagetest.ID(3) + "?token=" + token) },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			tb := openHandler(t, h)
			enter(tb)
			tb.wait(`location.pathname === "/message/00000003" && location.search === "" && document.querySelector(".message .answer") !== null`)
			assert.Empty(t, eval[string](tb, `document.cookie`), "no script can read it")
			tb.visit("/")
			tb.wait(rows + ` === 20`)
		})
	}
}
