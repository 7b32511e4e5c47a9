//go:build integration

package parts_test

import (
	"fmt"
	"io"
	"log/slog"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/sluicemail/sluice/framework"
	"github.com/sluicemail/sluice/framework/message"
	"github.com/sluicemail/sluice/framework/message/parts"
	"github.com/sluicemail/sluice/framework/message/parts/banner"
	"github.com/sluicemail/sluice/framework/miltertest/realmta"
)

// bannerFilter is a filter that adds a banner to each message that can have one. It keeps
// what is to be delivered, by the recipient.
type bannerFilter struct {
	banner *banner.Banner
	mu     sync.Mutex
	want   map[string]*corpusMail
}

func (*bannerFilter) Name() string { return "banner" }

func (f *bannerFilter) Register(r *framework.Router) error {
	header, body, envelope := r.WantHeaders(), r.WantBody(), r.WantEnvelope()
	add, change, replace := r.GrantAddHeader(), r.GrantChangeHeader(), r.GrantReplaceBody()
	r.OnEndOfMessage(func(s *framework.Session, _ *framework.EndOfMessage) (framework.Verdict, error) {
		var m corpusMail
		for field := range header.All(s) {
			m.fields = append(m.fields, parts.Field{Name: field.Name, Value: field.Value})
		}
		plan, err := f.banner.Plan(banner.Message{Header: m.fields, Body: func() io.Reader { return body.Reader(s) }})
		if banner.Refused(err) || err == nil && !plan.Changes() {
			return framework.Continue, nil
		}
		if err != nil {
			return framework.Continue, err
		}
		for _, c := range plan.Header() {
			if err := changeField(s, header, add, change, c); err != nil {
				return framework.Continue, err
			}
		}
		m.fields = changed(m.fields, plan.Header())
		f.mu.Lock()
		defer f.mu.Unlock()
		f.want[envelope.Recipients(s)[0]] = &m
		return framework.Continue, replace.ReplaceFrom(s, &noted{plan.Body(), f, &m})
	})
	return nil
}

// changeField replaces all fields of a name.
func changeField(s *framework.Session, header framework.KeptHeader, add framework.HeaderAdder, change framework.HeaderChanger, c parts.Field) error {
	for field := range header.Named(s, c.Name) {
		if err := change.Delete(s, field.Handle); err != nil {
			return err
		}
	}
	if c.Value == "" {
		return nil
	}
	return add.Append(s, c.Name, c.Value)
}

// noted notes the body that the framework reads.
type noted struct {
	source io.Reader
	filter *bannerFilter
	mail   *corpusMail
}

func (n *noted) Read(p []byte) (int, error) {
	size, err := n.source.Read(p)
	n.filter.mu.Lock()
	defer n.filter.mu.Unlock()
	n.mail.body += string(p[:size])
	return size, err
}

// TestCorpusBehindMTAs sends the corpus through a filter that adds banners. The servers
// deliver the bodies that the plans return, and the fields of MIME that they ask for, and a
// reader finds the banner in them. Sendmail writes the delimiters of multiparts anew.
func TestCorpusBehindMTAs(t *testing.T) {
	t.Parallel()
	for name, start := range realmta.Each(realmta.Config{}) {
		for _, place := range []banner.Place{banner.Top, banner.Bottom} {
			t.Run(fmt.Sprintf("%s, place %d", name, place), func(t *testing.T) {
				t.Parallel()
				b, err := banner.New(banner.Config{
					Text: "----\n\u26a0 " + bannerWords + "\n----", Fallback: bannerWords, Place: place, AddPart: true,
				})
				require.NoError(t, err)
				mta := start(t)
				f := &bannerFilter{banner: b, want: make(map[string]*corpusMail)}
				serveBanner(t, mta, f)
				list := deliverCorpus(t, mta)
				require.Greater(t, len(list), 140)
				for to, m := range list {
					f.checkDelivered(t, m, mta.Sink().Await(t, realmta.ToRecipient(to)), to, mta.Name() == "sendmail")
				}
				require.Greater(t, len(f.want), 100)
			})
		}
	}
}

// serveBanner serves a filter to a server until the test ends.
func serveBanner(t *testing.T, mta realmta.MTA, f framework.Filter) {
	t.Helper()
	gate := realmta.OpenGate(t, mta.Listen(t, "unix"))
	r := framework.NewRouter()
	r.Mount(f)
	srv, err := framework.NewServer(r, framework.Config{Logger: slog.New(slog.DiscardHandler)})
	require.NoError(t, err)
	t.Cleanup(func() { _ = srv.Close() })
	gate.Serve(srv.ServeConn)
	mta.SetFilters(t, gate.Addr())
}

// deliverCorpus sends the corpus, and returns the mails that the server takes, by their
// recipients.
func deliverCorpus(t *testing.T, mta realmta.MTA) map[string]corpusMail {
	t.Helper()
	taken := make(map[string]corpusMail)
	var c *realmta.Client
	for i, m := range corpusMails(t) {
		if c == nil {
			c = realmta.DialSMTP(t, mta.Addr())
			code, text := c.Cmd("EHLO client.example.test")
			require.Equal(t, 250, code, text)
		}
		to := fmt.Sprintf("m%d@example.test", i)
		data := []byte(m.header + "\r\n" + m.body)
		code, _ := c.Deliver(realmta.Message{From: "a@example.org", FromArgs: "BODY=8BITMIME", To: []string{to}, Data: data})
		if code == 250 {
			taken[to] = m
			continue
		}
		require.NotEqual(t, ".eml", m.name[len(m.name)-4:], "%s: %d", m.name, code) // others have line ends that are not valid
		c.Close()
		c = nil
	}
	c.Close()
	return taken
}

// checkDelivered compares what a server delivers with what the filter asked for.
func (f *bannerFilter) checkDelivered(t *testing.T, m corpusMail, got realmta.Delivered, to string, isSendmail bool) {
	t.Helper()
	f.mu.Lock()
	defer f.mu.Unlock()
	header, body, _ := strings.Cut("\r\n"+string(got.WithoutTrace()), "\r\n\r\n")
	want := f.want[to]
	if want == nil {
		assert.NotContains(t, body, bannerWords, m.name)
		return
	}
	header = strings.TrimPrefix(header, "\r\n") + "\r\n"
	if isSendmail {
		all, rest := linesOfContent(want.body), linesOfContent(body)
		assert.Subset(t, all, rest, m.name)
		assert.LessOrEqual(t, len(all)-len(rest), 1, m.name)
	} else {
		assert.Equal(t, want.body, body, m.name)
	}
	assert.ElementsMatch(t, ofMIME(want.fields), ofMIME(fieldsOf(header)), m.name)
	read := readIndependently(corpusMail{header: header, body: body})
	if seen, _ := read.with(bannerWords); len(seen) == 0 {
		assert.Error(t, read.err, m.name)
	}
}

// linesOfContent returns what Sendmail leaves as it is of a multipart: all but delimiters,
// lines with a boundary, empty lines, and the first line of an attached mail that is no field. It drops a field of
// a part that was cut, too, and reorders the others.
func linesOfContent(body string) (list []string) {
	for line := range strings.SplitSeq(body, "\r\n") {
		if line != "" && !strings.HasPrefix(line, "--") && !strings.HasPrefix(line, "From ann@") && !strings.Contains(line, "boundary=") {
			list = append(list, line)
		}
	}
	return list
}

// ofMIME returns the fields of MIME, unfolded.
func ofMIME(fields []parts.Field) (list []string) {
	for _, f := range fields {
		name := strings.ToLower(strings.TrimRight(f.Name, " \t"))
		if strings.HasPrefix(name, "content-") && name != "content-length" || name == "mime-version" {
			list = append(list, name+": "+strings.Join(strings.Fields(message.Unfold(f.Value)), " "))
		}
	}
	return list
}
