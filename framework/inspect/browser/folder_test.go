package browser_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/sluicemail/sluice/framework"
	"github.com/sluicemail/sluice/framework/inspect"
	"github.com/sluicemail/sluice/framework/miltertest"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// A message that has left the memory is in the folder: a search finds it, its view shows it, and
// the list goes back to the first one.
func TestFolder(t *testing.T) {
	t.Parallel()
	in, err := inspect.New(inspect.Config{Folder: t.TempDir(), Memory: 1 << 20})
	require.NoError(t, err)
	t.Cleanup(func() { assert.NoError(t, in.Close()) })
	filter := miltertest.FilterFunc("filter", func(r *framework.Router) error {
		r.ObserveHeader(func(*framework.Session, *framework.Header) error { return nil })
		return nil
	})
	srv := miltertest.NewServer(t, filter, miltertest.Configure(func(c *framework.Config) { c.Recorder = in }))
	const messages = 180
	conn := srv.Dial(t)
	for i := range messages {
		header := fmt.Sprintf("Subject: number %d.\nX-Long: %s\n\nx\n", i, strings.Repeat("x ", 5000))
		conn.Run(t, miltertest.Message(header)).AssertAccepted(t)
	}
	require.NoError(t, conn.Quit(t.Context()))
	srv.Close(t)

	tb := openHandler(t, in)
	tb.visit("/")
	tb.wait(rows + ` === 50`)
	for shown := 100; shown < messages; shown += 50 {
		eval[bool](tb, `document.querySelector(".older").click(), true`)
		tb.wait(fmt.Sprintf(`%s === %d && !document.querySelector(".older").disabled`, rows, shown))
	}
	eval[bool](tb, `document.querySelector(".older").click(), true`)
	tb.wait(`document.querySelector(".older").hidden`)
	assert.GreaterOrEqual(t, eval[int](tb, rows), messages)
	assert.Regexp(t, `· \d\d records in 1 MiB of memory, not counting the folder of 256 MiB$`, tb.text("#recording"), "the others have left it")

	tb.press("/")
	tb.press(`subject:"number 0."`)
	tb.wait(rows + ` === 1 && location.search.includes("number")`)
	eval[bool](tb, `document.querySelector(".row").click(), true`)
	tb.wait(`location.pathname.startsWith("/message/") && document.querySelector(".message h1") !== null`)
	tb.wait(`document.querySelector(".message").textContent.includes("number 0.")`)
	tb.clean()
}
