//go:build integration

package matrix_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/sluicemail/sluice/framework"
	"github.com/sluicemail/sluice/framework/miltertest"
	"github.com/sluicemail/sluice/framework/miltertest/realmta"
)

// TestBehindRealMTAs mounts all filters that deliver the message on one router, in two orders,
// behind real MTAs. A filter that no exception names has the same results as alone, and the
// MTA delivers what the last filter saw.
func TestBehindRealMTAs(t *testing.T) {
	t.Parallel()
	refusing := []string{"greylist", "testmilter"} // testmilter changes the envelope
	delivering := slices.DeleteFunc(filters(), func(e entry) bool { return slices.Contains(refusing, e.name) })
	allowed := allowedPairs(t, filters())
	for name, start := range realmta.Each(realmta.Config{}) {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			mta, list := start(t), slices.Clone(delivering)
			for _, order := range []string{"forward", "reverse"} {
				o, delivered := behind(t, mta, order+"@example.test", list)
				for i, e := range list {
					got := changes(o.viewers[i].seen(), o.viewers[i+1].seen())
					if !excepted(allowed, list[:i], e) {
						assert.Equal(t, alone(t, e), got, "%s, %s", order, e.name)
					}
				}
				assert.Equal(t, lines(o.viewers[len(list)].seen().fields), delivered, order)
				slices.Reverse(list)
			}
		})
	}
}

const letter = "From: Ann <ann@example.org>\r\nTo: bob@example.test\r\nSubject: hello\r\n" +
	"Date: Sun, 22 Nov 2026 07:00:00 +0000\r\nMessage-ID: <1@example.org>\r\n\r\nHow are you?\r\n"

// behind sends the letter to a recipient through an MTA and filters. It returns the header as it was
// delivered, sorted.
func behind(t *testing.T, mta realmta.MTA, to string, list []entry) (*observer, []string) {
	t.Helper()
	o, r := mount(t, list...)
	ln := mta.Listen(t, "unix")
	realmta.Serve(t, ln, r, framework.Config{})
	mta.SetFilters(t, ln.Addr())

	client := realmta.DialSMTP(t, mta.Addr())
	code, text := client.Cmd("EHLO client.example.org")
	require.Equal(t, 250, code, text)
	code, text = client.Deliver(realmta.Message{From: "ann@example.org", To: []string{to}, Data: []byte(letter)})
	require.Equal(t, 250, code, text)
	got := mta.Sink().Await(t, realmta.ToRecipient(to))
	header, _, _ := strings.Cut(strings.ReplaceAll(string(got.WithoutTrace()), "\r\n", "\n"), "\n\n")
	var fields []framework.Field
	for l := range strings.SplitSeq(header, "\n") {
		if last := len(fields) - 1; strings.HasPrefix(l, " ") || strings.HasPrefix(l, "\t") {
			fields[last].Value += "\n" + l
		} else {
			name, value, _ := strings.Cut(l, ":")
			fields = append(fields, framework.Field{Name: name, Value: value})
		}
	}
	return o, lines(fields)
}

// lines returns fields as text, sorted.
func lines(fields []framework.Field) (list []string) {
	for _, f := range fields {
		list = append(list, line(f.Name, f.Value))
	}
	slices.Sort(list)
	return list
}

// alone returns what a filter alone does with the letter.
func alone(t *testing.T, e entry) string {
	t.Helper()
	msg := miltertest.Message(letter, miltertest.From("ann@example.org"), miltertest.To("bob@example.test"),
		miltertest.Client("127.0.0.1"), miltertest.Helo("client.example.org"))
	return observe(t, miltertest.Postfix(), e).run([]mail{{"letter", msg}})[0].of[0].edits
}

// excepted reports whether an exception names the filter behind one of those before it.
func excepted(allowed map[pair]string, before []entry, e entry) bool {
	return slices.ContainsFunc(before, func(b entry) bool { return allowed[pair{b.name, e.name}] != "" })
}
