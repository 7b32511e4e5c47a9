package browser_test

import (
	"testing"
	"time"

	"github.com/sluicemail/sluice/framework/inspect/internal/page/pagetest"
	"github.com/stretchr/testify/assert"
)

// message opens the view of a record.
func message(t *testing.T, n int) *tab {
	t.Helper()
	tb := open(t, pagetest.New(pagetest.Mailbox(20, time.Now())...), "/message/"+pagetest.ID(n))
	tb.wait(`document.querySelector(".message .answer") !== null`)
	return tb
}

// The first sentence says what happened, by whom, where, and what the client saw.
func TestAnswers(t *testing.T) {
	t.Parallel()
	tb := message(t, 1)
	for name, c := range map[string]struct {
		n    int
		want string
	}{
		"accepted, edited":    {1, "Accepted. 5 filters saw it; headers and banner edited it."},
		"accepted":            {10, "Accepted. 5 filters saw it and none edited it."},
		"rejected":            {3, "Rejected by the filter spf at MAIL FROM. The reply was “550 5.7.23 SPF: 203.0.113.77 may not send mail for bank.example”."},
		"recipients deferred": {4, "Deferred by the filter greylist at RCPT TO (2 of 3 recipients). The reply was “451 4.7.1 Greylisted, try again in 5 minutes”."},
		"held":                {5, "Accepted and held by the filter scanner: “Win.Test.EICAR_HDB-1”"},
		"failed":              {6, "Deferred by the filter scanner at the end of the message, because it failed: “dial unix /run/clamav/clamd.ctl: connect: connection refused”. The reply was “451 4.3.0 mail filter failed, try again later”."},
		"aborted":             {7, "Ended without a verdict after the body: the client or the mail server gave the message up."},
		"client refused":      {8, "The client was refused by the filter spf at the connection. The mail server chose the text of the reply."},
		"discarded":           {9, "Accepted and dropped by the filter scanner at the end of the message: the client believes that it was delivered."},
	} {
		tb.visit("/message/" + pagetest.ID(c.n))
		tb.wait(`document.querySelector(".message .answer") !== null`)
		assert.Equal(t, c.want, tb.text(".sentence"), name)
		tb.shoot("message-" + name)
	}
	tb.clean()
}

func TestMessage(t *testing.T) {
	t.Parallel()
	tb := message(t, 1)
	assert.Contains(t, tb.text(".facts"), "Invoice 2026-1187, changed by headers")
	filters := tb.text("#filters")
	assert.Contains(t, filters, "changed Subject from “Invoice 2026-1187” to “[outside] Invoice 2026-1187”")
	assert.Contains(t, filters, "added X-Spam-Score: 1.7")
	assert.Contains(t, filters, "replaced the body (161")

	timeline := tb.text("#timeline")
	for _, part := range []string{"connect", "before the message", "header ×7", "7 calls, longest 8.6 µs", "178 ms", "none needed"} {
		assert.Contains(t, timeline, part)
	}
	widths := eval[[]float64](tb, `[...document.querySelectorAll("#timeline .bar")].map((b) => b.getBoundingClientRect().width)`)
	assert.Len(t, widths, 20)
	assert.GreaterOrEqual(t, eval[float64](tb, `Math.min(...[...document.querySelectorAll("#timeline .bar")].map((b) => b.getBoundingClientRect().width))`), 2.0)

	diff := eval[[]string](tb, `[...document.querySelectorAll(".diff tr.added, .diff tr.removed")].map((r) => r.textContent)`)
	assert.Equal(t, []string{
		"−removedSubject: Invoice 2026-1187", "+addedSubject: [outside] Invoice 2026-1187", "+addedX-Spam-Score: 1.7",
		"+added", "+added-- ", "+addedThis message came from outside of example.org.",
	}, diff)
	assert.Equal(t, "[outside] ", tb.text(".diff ins"))
	assert.Contains(t, tb.text("#notes"), "TXT example.net: v=spf1 mx -all")
	assert.Contains(t, tb.text("#attributes"), "scanner.score")
	assert.Contains(t, tb.text("#macros"), "{daemon_name}")

	eval[bool](tb, `for (const d of document.querySelectorAll("details")) d.open = true; true`)
	tb.wait(`document.querySelector("#plan table") !== null`)
	assert.Contains(t, tb.text("#plan"), "GrantChangeHeader")
	assert.Equal(t, 20, eval[int](tb, `document.querySelectorAll(".frames li").length`))
	assert.Contains(t, tb.text(".frames"), "SMFIC_MAIL <olga@example.net>")
	assert.Equal(t, "/api/messages/00000001/record", eval[string](tb, `document.querySelector("[download]").getAttribute("href")`))
	tb.shoot("message-open")
	tb.clean()
}

// A link to a message leads to those beside it, too.
func TestBesideALink(t *testing.T) {
	t.Parallel()
	tb := message(t, 19)
	assert.Equal(t, []string{"Newer", "Older", "Download the record", "JSON"}, eval[[]string](tb, `[...document.querySelectorAll(".ways a")].map((a) => a.textContent)`))
	tb.press("j")
	tb.wait(`location.pathname === "/message/` + pagetest.ID(18) + `" && document.querySelector(".ways a")?.getAttribute("href") === "/message/` + pagetest.ID(19) + `"`)
	tb.press("k")
	tb.wait(`location.pathname === "/message/` + pagetest.ID(19) + `" && document.querySelector(".ways a")?.getAttribute("href") === "/message/` + pagetest.ID(20) + `"`)
	tb.press("k")
	tb.wait(`location.pathname === "/message/` + pagetest.ID(20) + `" && document.querySelector(".ways a")?.textContent === "Older"`)
	tb.clean()
}

// What is not there is said where it would be.
func TestNotRecorded(t *testing.T) {
	t.Parallel()
	tb := message(t, 7)
	eval[bool](tb, `for (const d of document.querySelectorAll("details")) d.open = true; true`)
	assert.Contains(t, tb.text("#content"), "The body was not recorded")
	assert.Contains(t, tb.text(".answer"), "The record is not complete")
	tb.visit("/message/" + pagetest.ID(9))
	tb.wait(`document.querySelector(".message .answer") !== null`)
	assert.Contains(t, tb.text(".facts"), "local parts of addresses are hidden")
	tb.visit("/message/99999999")
	tb.wait(`document.querySelector(".error") !== null`)
	assert.Contains(t, tb.text("#view"), "the record is not there any more")
}

func TestServer(t *testing.T) {
	t.Parallel()
	tb := open(t, pagetest.New(pagetest.Mailbox(20, time.Now())...), "/server")
	tb.wait(`document.querySelectorAll(".chart").length === 8`)
	for selector, part := range map[string]string{
		"#now":      "mail servers that are connected now",
		"#latency":  "The longest time: scanner",
		"#limits":   "DiskBudget",
		"#errors":   "connection refused",
		"#recorded": "41 MiB of 64 MiB",
	} {
		assert.Contains(t, tb.text(selector), part)
	}
	assert.Contains(t, eval[string](tb, `document.querySelector("#load svg").getAttribute("aria-label")`), "refused now")
	tb.shoot("server")
	tb.clean()
}

// The last errors are those in memory. The page says so, and leads to those in the folder.
func TestLastErrors(t *testing.T) {
	t.Parallel()
	source := pagetest.New(pagetest.Mailbox(20, time.Now())...)
	tb := open(t, source, "/server")
	tb.wait(`document.querySelector("#errors") !== null`)
	assert.Contains(t, tb.text("#errors"), "Those of the records in memory, at most 50. Search the folder too")
	eval[bool](tb, `document.querySelector("#errors p a").click(), true`)
	tb.wait(`location.search === "?q=failed%3A" && ` + rows + ` === 2`)
	tb.clean()

	source = pagetest.New()
	source.Figures.Errors, source.Figures.Recording.Folder = nil, false
	tb = open(t, source, "/server")
	tb.wait(`document.querySelector("#errors") !== null`)
	assert.Equal(t, "Last errors of filters\n\nThe records in memory have none.", tb.text("#errors"))
	tb.clean()
}
