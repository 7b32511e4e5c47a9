package browser_test

import (
	"testing"

	inspectpage "github.com/sluicemail/sluice/framework/inspect/internal/page"
	"github.com/sluicemail/sluice/framework/inspect/internal/page/pagetest"
	"github.com/stretchr/testify/assert"
)

// A minute without mail has no latency, and its connections are not known: the lines have gaps
// there. A minute alone between two gaps is seen.
func TestGapsOfCharts(t *testing.T) {
	t.Parallel()
	source := pagetest.New()
	for i := range 60 {
		if i >= 20 && i < 30 || i == 40 || i == 42 || i == 59 {
			source.Figures.Filters[0].Minutes[i] = inspectpage.FilterMinute{}
			source.Figures.Minutes[i] = inspectpage.Minute{At: source.Figures.Minutes[i].At}
		}
	}
	source.Figures.Minutes[59].Connections = 3
	tb := open(t, source, "/server")
	tb.wait(views["server"].drawn)
	points := func(chart, series string) []int {
		return eval[[]int](tb, `[...document.querySelectorAll("`+chart+` polyline.`+series+`")].map((l) => l.points.numberOfItems)`)
	}
	const filter, connections = "#latency .charts > div:first-child", "#load .charts > :nth-child(2)"
	assert.Equal(t, []int{20, 10, 2, 16}, points(filter, "p50"))
	assert.Equal(t, []int{20, 10, 2, 16}, points(filter, "p95"))
	assert.Equal(t, []int{20, 10, 2, 17}, points(connections, "p50"), "those of now are known")
	assert.Equal(t, []int{60}, points("#latency .charts > div:nth-child(2)", "p50"))
	assert.Contains(t, tb.text(filter+" figcaption"), "half within – now")
	assert.Contains(t, eval[string](tb, `document.querySelector("`+filter+` svg").getAttribute("aria-label")`), "half within now not known, at most 12")
	assert.Contains(t, tb.text("#load figcaption"), "passed 0 now")
	tb.shoot("gaps")
	tb.clean()
}

// After an hour without mail the page tells no times.
func TestHourWithoutMail(t *testing.T) {
	t.Parallel()
	source := pagetest.New()
	for i := range source.Figures.Filters {
		clear(source.Figures.Filters[i].Minutes)
	}
	tb := open(t, source, "/server")
	tb.wait(views["server"].drawn)
	assert.Contains(t, tb.text("#latency"), "No filter has worked in the last hour.")
	assert.NotContains(t, tb.text("#latency"), "within 0")
	assert.NotContains(t, tb.text("#latency"), "longest")
	assert.Zero(t, eval[int](tb, `document.querySelectorAll("#latency polyline").length`))
	tb.clean()
}
