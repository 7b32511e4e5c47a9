package banner_test

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"golang.org/x/net/html"

	"github.com/sluicemail/sluice/framework/message/parts/banner"
)

// TestHidden tests HTML that is to hide a banner at the top: it makes a tag, a comment or
// a script seem to end where it does not end for a browser. The parser of a browser must
// find the banner as the first thing in the body.
func TestHidden(t *testing.T) {
	t.Parallel()
	for name, page := range map[string]string{
		"script in a script":           "<script><!--<script></script><body>--></script><body>Hello",
		"script in a script, capitals": "<script><!--<SCRIPT/></scripT ><body>--></script><body>Hello",
		"comment in a script":          "<script><!--</script><body>Hello",
		"script after that comment":    "<script><!----><script></script><body>Hello",
		"another tag in the script":    "<script><!--<scripts></script><body>Hello",
		"script without end":           "<script><!--<script></script><body>Hello",
		"half a script in a script":    "<script><!--<script",
		"script tag without end":       "<script",
		"style with a cut attribute":   "<style a=\"",
		"comment with a bang":          "<!----!><body>Hello<!-- --><body>x",
		"no end with a bang":           "<!--!><body>Hello--><body>Hello",
		"quote as a name":              "<body =\"><p>Hello<p title=\">\">x",
		"quote behind a slash":         "<body a/=\"><p>Hello<p title=\">\">x",
		"quote behind a value":         "<body a=''=\"><p>Hello<p title=\">\">x",
		"quote in a name":              "<body a\"><p>Hello<p title=\">\">x",
		"quote in a value":             "<body a=b\"><p>Hello<p title=\">\">x",
		"quote behind spaces":          "<body a =\n\"><body>\"><p>Hello",
		"slash in a value":             "<body a=/\"><p>Hello<p title=\">\">x",
		"end of a break":               "<head></br><body>Hello",
		"frames":                       "<frameset><frame></frameset>",
		"noscript":                     "<head><noscript><body>Hello</noscript>",
		"template":                     "<template><body>Hello</template>",
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			config := banner.Config{Text: "Outside", HTML: "<b id=outside>Outside</b>"}
			m := add(t, config, divide("MIME-Version: 1.0\n"+utf8HTML+"\n"+page))
			assert.Equal(t, "outside", firstInBody(t, m.body), m.body)
		})
	}
}

// firstInBody returns the id of the first element in the body of a page, if no text is
// before it.
func firstInBody(t *testing.T, page string) string {
	t.Helper()
	doc, err := html.Parse(strings.NewReader(page))
	require.NoError(t, err)
	for n := range doc.Descendants() {
		if n.Type != html.ElementNode || n.Data != "body" {
			continue
		}
		first := n.FirstChild
		for first != nil && first.Type == html.TextNode && strings.TrimSpace(first.Data) == "" {
			first = first.NextSibling
		}
		if first != nil && len(first.Attr) > 0 {
			return first.Attr[0].Val
		}
	}
	return ""
}

// TestShifts tests ISO-2022-JP, in which letters between two escape sequences are no letters.
func TestShifts(t *testing.T) {
	t.Parallel()
	const jis, ascii = "\x1b$B", "\x1b(B"
	for name, c := range map[string]contentTest{
		"body in other characters": {
			"html", "<title>" + jis + "</title><body>" + ascii + "</title><body>Hello</body>",
			"<title>" + jis + "</title><body>" + ascii + "</title><body>\n<b>Outside</b>\n Hello</body>",
			"<title>" + jis + "</title><body>" + ascii + "</title><body>Hello\n<b>Outside</b>\n </body>",
		},
		"tag with escape sequences": {
			"html", "<!-" + ascii + "- x><body>--><body>Hello",
			"<!-" + ascii + "- x><body>--><body>\n<b>Outside</b>\n Hello",
			"<!-" + ascii + "- x><body>--><body>Hello\n<b>Outside</b>",
		},
		"text in the body": {
			"html", "<body>" + jis + "F|K\\" + ascii + "</body>",
			"<body>\n<b>Outside</b>\n " + jis + "F|K\\" + ascii + "</body>",
			"<body>" + jis + "F|K\\" + ascii + "\n<b>Outside</b>\n </body>",
		},
		"end in other characters": {
			"html", "Hello " + jis + "F|K\\</body>",
			"\n<b>Outside</b>\nHello " + jis + "F|K\\</body>",
			"Hello " + jis + "F|K\\</body>" + ascii + "\n<b>Outside</b>",
		},
		"three bytes": {
			"html", "Hello \x1b$(D</body>" + ascii + "</body>",
			"\n<b>Outside</b>\nHello \x1b$(D</body>" + ascii + "</body>",
			"Hello \x1b$(D</body>" + ascii + "\n<b>Outside</b>\n </body>",
		},
		"JIS-Roman": {
			"html", "Hello \x1b(J</body>",
			"\n<b>Outside</b>\nHello \x1b(J</body>",
			"Hello \x1b(J\n<b>Outside</b>\n </body>",
		},
		"text": {
			"plain", jis + "F|K\\\n",
			"Outside\n\n" + jis + "F|K\\\n",
			jis + "F|K\\\n" + ascii + "\nOutside\n",
		},
	} {
		for place, want := range map[banner.Place]string{banner.Top: c.top, banner.Bottom: c.bottom} {
			t.Run(name+map[banner.Place]string{banner.Top: " at the top", banner.Bottom: " at the bottom"}[place], func(t *testing.T) {
				t.Parallel()
				config := banner.Config{Text: "Outside", HTML: "<b>Outside</b>", Place: place}
				header := "MIME-Version: 1.0\nContent-Type: text/" + c.header + "; charset=ISO-2022-JP\n\n"
				got := add(t, config, divide(header+c.content))
				assert.Equal(t, want, strings.ReplaceAll(got.body, "\r\n", "\n"))
			})
		}
	}
}
