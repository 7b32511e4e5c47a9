package browser_test

import (
	"testing"
	"time"

	"github.com/chromedp/chromedp/kb"
	"github.com/sluicemail/sluice/framework/inspect/internal/page/pagetest"
	"github.com/sluicemail/sluice/framework/inspect/record"
	"github.com/stretchr/testify/assert"
)

// rows counts the messages that the list shows.
const rows = `document.querySelectorAll(".row").length`

func TestListFillsLive(t *testing.T) {
	t.Parallel()
	source := pagetest.New()
	tb := open(t, source, "/")
	tb.wait(`document.querySelector(".live").dataset.state === "live"`)
	assert.Contains(t, tb.text(".empty"), "No message has come yet.")
	assert.Contains(t, tb.text("#recording"), "Records headers and bodies · every message")
	tb.shoot("list-empty")
	now := time.Now()
	for i := 1; i <= 30; i++ {
		source.Add(pagetest.Mail(i, now))
	}
	tb.wait(rows + ` === 30`)
	assert.True(t, eval[bool](tb, `document.querySelector(".empty").hidden`))
	first := tb.text(".row")
	for _, part := range []string{"Accepted", "olga@example.net → ben@example.org", "mail.example.net [198.51.100.30]", "slowest scanner 178"} {
		assert.Contains(t, first, part)
	}
	assert.Contains(t, tb.text(`[data-id="00000023"]`), "spf at MAIL FROM: 550 5.7.23 SPF: 203.0.113.77 may not")
	assert.Contains(t, tb.text(`[data-id="00000022"]`), "edited by headers and banner")
	assert.Contains(t, tb.text(`[data-id="00000026"]`), "failed: scanner")
	tb.shoot("list")
	tb.clean()
}

// What the reader looks at does not move: new messages wait behind a button.
func TestListDoesNotMove(t *testing.T) {
	t.Parallel()
	for name, look := range map[string]string{
		"scrolled": `scrollTo(0, 400)`,
		"selected": `document.querySelectorAll(".row")[3].focus()`,
		"paused":   `document.querySelector(".search button").click()`,
		"pointed":  `setInterval(() => document.querySelector(".rows").dispatchEvent(new PointerEvent("pointermove")), 100)`,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			source := pagetest.New(pagetest.Mailbox(40, time.Now())...)
			tb := open(t, source, "/")
			tb.wait(`document.querySelector(".live").dataset.state === "live"`)
			eval[bool](tb, look+`; true`)
			const where = `Math.round(document.querySelector('[data-id="00000030"]').getBoundingClientRect().top)`
			before := eval[int](tb, where)
			for i := 41; i <= 52; i++ {
				source.Add(pagetest.Mail(i, time.Now()))
			}
			tb.wait(`document.querySelector(".news").textContent === "12 new" && !document.querySelector(".news").hidden`)
			moved := eval[int](tb, where) - before
			assert.Equal(t, 40, eval[int](tb, rows))
			if name == "scrolled" { // the button has its place above, and the browser anchors the rest
				assert.Zero(t, moved)
			}
			tb.press("n")
			tb.wait(rows + ` === 52 && document.querySelector(".news").hidden`)
			tb.clean()
		})
	}
}

func TestOlder(t *testing.T) {
	t.Parallel()
	tb := open(t, pagetest.New(pagetest.Mailbox(120, time.Now())...), "/")
	tb.wait(rows + ` === 50`)
	eval[bool](tb, `document.querySelector(".older").click(), true`)
	tb.wait(rows + ` === 100`)
	eval[bool](tb, `document.querySelector(".older").click(), true`)
	tb.wait(rows + ` === 120 && document.querySelector(".older").hidden`)
	tb.clean()
}

func TestSearch(t *testing.T) {
	t.Parallel()
	source := pagetest.New(pagetest.Mailbox(40, time.Now())...)
	tb := open(t, source, "/")
	tb.wait(rows + ` === 40`)
	tb.press("/")
	tb.press("state:rejected")
	tb.wait(rows + ` === 4 && location.search === "?q=state%3Arejected"`)
	source.Add(pagetest.Mail(41, time.Now()), pagetest.Mail(42, time.Now()), pagetest.Mail(43, time.Now()))
	tb.wait(rows + ` === 5`) // those that match, live
	tb.visit("/?q=subject:nothing-has-this")
	tb.wait(`!document.querySelector(".empty").hidden`)
	assert.Contains(t, tb.text(".empty"), "No message matches.")
	tb.shoot("search-empty")
	eval[bool](tb, `[...document.querySelectorAll(".examples button")].find((b) => b.textContent === "edited:headers").click(), true`)
	tb.wait(rows + ` > 5 && document.querySelector("#search").value === "edited:headers"`)
	tb.clean()
	tb.press("/ colour:red") // which the browser notes in its console, as a request that failed
	tb.wait(`document.querySelector("#search-error").textContent.includes("is not a term")`)
}

func TestKeys(t *testing.T) {
	t.Parallel()
	tb := open(t, pagetest.New(pagetest.Mailbox(30, time.Now())...), "/")
	tb.wait(rows + ` === 30`)
	selected := func(id string) {
		t.Helper()
		tb.wait(`document.querySelector(".row.selected")?.closest("li").dataset.id === "` + id + `" && document.activeElement.classList.contains("selected")`)
	}
	tb.press("j")
	selected("00000030")
	tb.press("jj")
	selected("00000028")
	tb.press("k")
	selected("00000029")
	tb.press(kb.ArrowDown)
	selected("00000028")
	tb.press(kb.Enter)
	tb.wait(`location.pathname === "/message/00000028" && document.querySelector(".message h1") === document.activeElement`)
	tb.press("j")
	tb.wait(`location.pathname === "/message/00000027" && document.querySelector(".message h1")?.textContent.includes("Aborted")`)
	tb.press(kb.Escape)
	tb.wait(`location.pathname === "/"`)
	selected("00000027")
	tb.press(kb.Escape)
	tb.wait(`document.querySelector(".selected") === null`)
	tb.press("?")
	tb.wait(`document.querySelector("#keys").open`)
	tb.press(kb.Escape)
	tb.wait(`!document.querySelector("#keys").open`)
	tb.press("s")
	tb.wait(`location.pathname === "/server" && document.querySelector(".chart") !== null`)
	tb.press("/")
	tb.wait(`location.pathname === "/" && document.activeElement.id === "search"`)
	tb.press("jp?")
	tb.wait(`document.querySelector("#search").value === "jp?"`)
	tb.clean()
}

// However much comes, the list has a bound, the newest on top, and the way to the older ones.
func TestListIsBounded(t *testing.T) {
	t.Parallel()
	source := pagetest.New()
	tb := open(t, source, "/")
	tb.wait(`document.querySelector(".live").dataset.state === "live"`)
	last := 0
	come := func(n int) {
		mails := make([]*record.Message, n)
		for i := range mails {
			last++
			mails[i] = pagetest.Mail(last, time.Now())
		}
		source.Add(mails...) // at once: on a busy machine they would come in several events
		tb.wait(`document.querySelector(".row")?.closest("li").dataset.id === "` + pagetest.ID(last) + `"`)
	}
	for range 7 {
		come(90)
	}
	assert.LessOrEqual(t, eval[int](tb, rows), 500)
	assert.False(t, eval[bool](tb, `document.querySelector(".older").hidden`))
	come(1000) // more than events tell: the list begins anew
	assert.LessOrEqual(t, eval[int](tb, rows), 150)
	const gaps = `[...document.querySelectorAll(".rows li")].map((e) => +e.dataset.id).filter((id, i, all) => i > 0 && all[i - 1] - id !== 1).length`
	assert.Zero(t, eval[int](tb, gaps))
	eval[bool](tb, `document.querySelector(".older").click(), true`)
	tb.wait(`!document.querySelector(".older").disabled`)
	assert.Zero(t, eval[int](tb, gaps))
	tb.clean()
}

// The reader is told that a part of the list is missing, in one line, until the list is whole.
func TestPartial(t *testing.T) {
	t.Parallel()
	source := pagetest.New(pagetest.Mailbox(60, time.Now())...)
	source.Partial = true
	tb := open(t, source, "/")
	tb.wait(rows + ` === 50`)
	const says = `[...document.querySelectorAll(".list > p")].map((p) => p.textContent).join("")`
	const missing = "The folder’s disk takes too long: messages that other processes recorded may be missing here."
	assert.Equal(t, missing, eval[string](tb, says))
	eval[bool](tb, `document.querySelector(".older").click(), true`)
	tb.wait(rows + ` === 60`)
	assert.Equal(t, missing, eval[string](tb, says))
	tb.clean()
	whole := open(t, pagetest.New(pagetest.Mailbox(3, time.Now())...), "/")
	whole.wait(rows + ` === 3`)
	assert.Empty(t, eval[string](whole, says))
}

// The reader is told that the connection broke. The list is followed again, and nothing is missing.
func TestConnectionBreaks(t *testing.T) {
	t.Parallel()
	source := pagetest.New(pagetest.Mailbox(3, time.Now())...)
	tb := open(t, source, "/")
	tb.wait(`document.querySelector(".live").dataset.state === "live"`)
	eval[bool](tb, `window.states = [], new MutationObserver(([change]) => states.push(change.target.dataset.state))
		.observe(document.querySelector(".live"), {attributes: true}), true`)
	tb.srv.CloseClientConnections()
	tb.wait(`states.includes("waiting")`) // for a few seconds, in which a busy machine may not look
	source.Add(pagetest.Mail(4, time.Now()))
	tb.wait(rows + ` === 4`)
}
