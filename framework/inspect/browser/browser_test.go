package browser_test

import (
	"context"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"
	"unicode"

	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/cdproto/input"
	"github.com/chromedp/cdproto/log"
	"github.com/chromedp/cdproto/network"
	"github.com/chromedp/cdproto/page"
	"github.com/chromedp/cdproto/runtime"
	"github.com/chromedp/chromedp"
	inspectpage "github.com/sluicemail/sluice/framework/inspect/internal/page"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// chromium is the browser of Debian.
const chromium = "/usr/bin/chromium-headless-shell"

// browser is the browser that all tests share: each has a tab, with cookies of its own.
var browser context.Context

func TestMain(m *testing.M) {
	allocator, stop := chromedp.NewExecAllocator(context.Background(), append(chromedp.DefaultExecAllocatorOptions[:],
		chromedp.ExecPath(chromium),
		chromedp.NoSandbox, // the tests run as root
		chromedp.Flag("disable-background-networking", true),
		chromedp.Flag("force-color-profile", "srgb"),
		chromedp.Flag("font-render-hinting", "none"),
	)...)
	ctx, closeBrowser := chromedp.NewContext(allocator)
	if _, err := chromedp.Run(ctx, chromedp.Title()); err != nil {
		panic("the browser does not start: " + err.Error())
	}
	browser = ctx
	code := m.Run()
	closeBrowser()
	stop()
	os.Exit(code)
}

// tab is a tab of the browser, and what happened in it.
type tab struct {
	t   *testing.T
	ctx context.Context
	url string
	srv *httptest.Server

	mu       sync.Mutex
	requests []string // the addresses that were requested
	faults   []string // exceptions, errors in the console and dialogs
}

// quote returns a text as JavaScript has it.
func quote(text string) string { return strconv.Quote(text) }

// open opens a tab on a page that shows a source.
func open(t *testing.T, source inspectpage.Source, path string) *tab {
	t.Helper()
	h := inspectpage.New(source, inspectpage.Config{})
	tb := openHandler(t, h)
	t.Cleanup(func() { assert.NoError(t, h.Close()) }) // before the server waits for it
	tb.visit(path)
	return tb
}

// openHandler opens a tab for a page that a handler serves.
func openHandler(t *testing.T, handler http.Handler) *tab {
	t.Helper()
	srv := httptest.NewServer(handler)
	t.Cleanup(srv.Close)
	ctx, cancel := chromedp.NewContext(browser, chromedp.WithNewBrowserContext())
	t.Cleanup(cancel)
	ctx, stop := context.WithTimeout(ctx, 10*time.Minute)
	t.Cleanup(stop)
	tb := &tab{t: t, ctx: ctx, url: srv.URL, srv: srv}
	require.NoError(t, chromedp.Listen(ctx, tb.happened))
	call(tb, network.Enable, network.EnableParams{})
	call(tb, log.Enable, cdp.Empty{})
	tb.size(1360, 850)
	call(tb, emulation.SetFocusEmulationEnabled, emulation.SetFocusEmulationEnabledParams{Enabled: true})
	return tb
}

// happened remembers what a browser tells of a tab.
func (tb *tab) happened(event any) {
	tb.mu.Lock()
	defer tb.mu.Unlock()
	switch e := event.(type) {
	case *network.EventRequestWillBeSent:
		tb.requests = append(tb.requests, e.Request.URL)
	case *runtime.EventExceptionThrown:
		tb.faults = append(tb.faults, describe(e.ExceptionDetails))
	case *log.EventEntryAdded:
		tb.faults = append(tb.faults, e.Entry.Text+" "+e.Entry.URL)
	case *page.EventJavascriptDialogOpening:
		tb.faults = append(tb.faults, "dialog: "+e.Message)
	}
}

// clean fails if anything ran, failed or was requested elsewhere.
func (tb *tab) clean() {
	tb.t.Helper()
	tb.mu.Lock()
	defer tb.mu.Unlock()
	require.Empty(tb.t, tb.faults)
	require.NotEmpty(tb.t, tb.requests)
	for _, url := range tb.requests {
		require.True(tb.t, strings.HasPrefix(url, tb.url+"/"), "request for %s", url)
	}
}

// describe returns the text of an exception.
func describe(e *runtime.ExceptionDetails) string {
	if e.Exception != nil {
		return e.Text + " " + e.Exception.Description
	}
	return e.Text
}

// call gives the browser a command.
func call[P, R any](tb *tab, command cdp.Command[P, R], parameters P) {
	tb.t.Helper()
	_, err := chromedp.Call(tb.ctx, command, parameters)
	require.NoError(tb.t, err)
}

// do takes steps in the tab.
func (tb *tab) do(steps ...chromedp.Action[chromedp.Void]) {
	tb.t.Helper()
	require.NoError(tb.t, chromedp.Do(tb.ctx, steps...))
}

// size sets the size of the window.
func (tb *tab) size(width, height int64) {
	tb.t.Helper()
	call(tb, emulation.SetDeviceMetricsOverride, emulation.SetDeviceMetricsOverrideParams{Width: width, Height: height, DeviceScaleFactor: 1})
}

// navigate loads a path.
func (tb *tab) navigate(path string) {
	tb.t.Helper()
	// The status of the form for the token is an error for chromedp, and none for the browser.
	_, _ = chromedp.Call(tb.ctx, page.Navigate, page.NavigateParams{URL: tb.url + path})
}

// painted holds once a page was drawn: until then the browser drops keys.
const painted = `performance.getEntriesByType("paint").length > 0`

// visit loads a path of the page, and waits for its scripts.
func (tb *tab) visit(path string) {
	tb.t.Helper()
	tb.do(chromedp.Navigate(tb.url + path))
	tb.wait(`document.querySelector("#ready") !== null && ` + painted)
}

// wait waits until a condition in JavaScript holds. (The page's policy forbids how
// chromedp.Poll does it.)
func (tb *tab) wait(condition string) {
	tb.t.Helper()
	holds := func() bool {
		ok, err := chromedp.Run(tb.ctx, chromedp.Evaluate[bool](condition))
		return err == nil && ok
	}
	if !assert.Eventually(tb.t, holds, 2*time.Minute, 20*time.Millisecond, condition) {
		tb.shoot("failed-" + strings.ReplaceAll(tb.t.Name(), "/", "-"))
		tb.mu.Lock()
		defer tb.mu.Unlock()
		tb.t.Fatal(strings.Join(tb.faults, "\n"))
	}
}

// eval returns the value of an expression in JavaScript.
func eval[T any](tb *tab, expression string) T {
	tb.t.Helper()
	v, err := chromedp.Run(tb.ctx, chromedp.Evaluate[T](expression))
	require.NoError(tb.t, err, expression)
	return v
}

// press presses keys, one after the other. (chromedp.KeyEvent sends the characters apart from
// the keys, so that a script cannot prevent them.)
func (tb *tab) press(keys string) {
	tb.t.Helper()
	for _, key := range keys {
		if !unicode.IsPrint(key) || unicode.IsMark(key) { // those of package kb
			tb.do(chromedp.KeyEvent(string(key)))
			continue
		}
		text := string(key)
		call(tb, input.DispatchKeyEvent, input.DispatchKeyEventParams{Type: input.DispatchKeyEventTypeKeyDown, Key: text, Text: text, UnmodifiedText: text})
		call(tb, input.DispatchKeyEvent, input.DispatchKeyEventParams{Type: input.DispatchKeyEventTypeKeyUp, Key: text})
	}
}

// text returns the text of the first element of a selector.
func (tb *tab) text(selector string) string {
	tb.t.Helper()
	return eval[string](tb, "document.querySelector("+quote(selector)+").innerText.replace(/\u00a0/g, ' ')")
}

// shoot keeps a picture of the tab, if the tests are to keep pictures.
func (tb *tab) shoot(name string) {
	tb.t.Helper()
	dir := os.Getenv("SLUICE_SCREENSHOTS")
	if dir == "" {
		return
	}
	require.NoError(tb.t, os.MkdirAll(dir, 0o755))
	require.NoError(tb.t, os.WriteFile(filepath.Join(dir, name+".png"), tb.picture(highest), 0o600))
}

// highest is the height of the highest pictures, in pixels.
const highest = 2600

// picture returns a picture of the page, from its top down to a height at most.
func (tb *tab) picture(height float64) []byte {
	tb.t.Helper()
	size := eval[[]float64](tb, `[innerWidth, Math.max(innerHeight, document.documentElement.scrollHeight)]`)
	beyond := true
	shot, err := chromedp.Call(tb.ctx, page.CaptureScreenshot, page.CaptureScreenshotParams{
		Clip: &page.Viewport{Width: size[0], Height: min(size[1], height), Scale: 1}, CaptureBeyondViewport: &beyond,
	})
	require.NoError(tb.t, err)
	return shot.Data
}

// colors chooses the colours that the system of the reader prefers.
func (tb *tab) colors(scheme string) {
	tb.t.Helper()
	call(tb, emulation.SetEmulatedMedia, emulation.SetEmulatedMediaParams{Features: []*emulation.MediaFeature{
		{Name: "prefers-color-scheme", Value: scheme}, {Name: "prefers-reduced-motion", Value: "reduce"},
	}})
}
