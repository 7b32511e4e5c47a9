package page_test

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/sluicemail/sluice/framework/inspect/internal/page"
	"github.com/sluicemail/sluice/framework/inspect/internal/page/pagetest"
	"github.com/sluicemail/sluice/framework/inspect/internal/readable"
	"github.com/sluicemail/sluice/framework/inspect/record"
)

func ids(list page.List) (ids []string) {
	for _, m := range list.Messages {
		ids = append(ids, strings.TrimLeft(m.ID, "0"))
	}
	return ids
}

func TestPages(t *testing.T) {
	t.Parallel()
	h := mailbox(t, page.Config{})
	first := decode[page.List](t, send(t, h, "/api/messages?limit=3"))
	assert.Equal(t, []string{"30", "29", "28"}, ids(first))
	assert.True(t, first.More)
	assert.Equal(t, pagetest.ID(28), first.Next)
	second := decode[page.List](t, send(t, h, "/api/messages?limit=3&before="+first.Next))
	assert.Equal(t, []string{"27", "26", "25"}, ids(second))
	last := decode[page.List](t, send(t, h, "/api/messages?before="+pagetest.ID(3)))
	assert.Equal(t, []string{"2", "1"}, ids(last))
	assert.False(t, last.More)
	assert.Empty(t, last.Next)
	assert.Contains(t, body(t, send(t, h, "/api/messages?before="+pagetest.ID(1))), `"messages":[]`)
	newer := decode[page.List](t, send(t, h, "/api/messages?after="+pagetest.ID(28)))
	assert.Equal(t, []string{"30", "29"}, ids(newer))
	assert.False(t, newer.More)
	assert.True(t, decode[page.List](t, send(t, h, "/api/messages?limit=5&after="+pagetest.ID(2))).More)
}

func TestMistakesOfPrograms(t *testing.T) {
	t.Parallel()
	h := mailbox(t, page.Config{})
	for path, c := range map[string]struct {
		status int
		says   string
	}{
		"/api/messages?limit=0":            {http.StatusBadRequest, "limit is a number from 1 to 500"},
		"/api/messages?limit=501":          {http.StatusBadRequest, "limit is a number from 1 to 500"},
		"/api/messages?limit=many":         {http.StatusBadRequest, "limit is a number from 1 to 500"},
		"/api/messages?before=../x":        {http.StatusBadRequest, "before is not the ID of a record"},
		"/api/messages?after=../x":         {http.StatusBadRequest, "after is not the ID of a record"},
		"/api/messages?q=colour:red":       {http.StatusBadRequest, `"colour:" is not a term`},
		"/api/events?after=../x":           {http.StatusBadRequest, "after is not the ID of a record"},
		"/api/events?q=took:long":          {http.StatusBadRequest, "took: needs a time"},
		"/api/messages/00000099":           {http.StatusNotFound, "the record is not there any more"},
		"/api/messages/00000099/record":    {http.StatusNotFound, "the record is not there any more"},
		"/api/nothing":                     {http.StatusNotFound, "there is nothing at this address"},
		"/api/messages/00000001/record/no": {http.StatusNotFound, "there is nothing at this address"},
	} {
		resp := send(t, h, path)
		var failed page.Failed
		require.NoError(t, json.Unmarshal([]byte(body(t, resp)), &failed), path)
		assert.Equal(t, c.status, resp.StatusCode, path)
		assert.Equal(t, c.status, failed.Status, path)
		assert.Contains(t, failed.Error, c.says, path)
		assert.Equal(t, "application/json", resp.Header.Get("Content-Type"), path)
	}
}

func TestMessage(t *testing.T) {
	t.Parallel()
	h := mailbox(t, page.Config{})
	m := decode[record.Message](t, send(t, h, "/api/messages/"+pagetest.ID(13)))
	assert.Equal(t, record.StateRejected, m.Outcome.State)
	assert.Equal(t, "spf", m.Outcome.Verdict.Filter)
	assert.NotEmpty(t, m.Stages)

	resp := send(t, h, "/api/messages/"+pagetest.ID(13)+"/record")
	assert.Equal(t, http.StatusOK, resp.StatusCode)
	assert.Equal(t, "application/octet-stream", resp.Header.Get("Content-Type"))
	assert.Equal(t, `attachment; filename="00000013.sluice"`, resp.Header.Get("Content-Disposition"))
	assert.NotEmpty(t, body(t, resp))
}

// Addresses are not escaped, so that grep finds them.
func TestAddressesAsTheyAre(t *testing.T) {
	t.Parallel()
	m := pagetest.Mailbox(1, time.Now())[0]
	m.Sender = "<ann&co@example.org>"
	h := page.New(pagetest.New(m), page.Config{})
	assert.Contains(t, body(t, send(t, h, "/api/messages")), `"sender":"<ann&co@example.org>"`)
	assert.Contains(t, body(t, send(t, h, "/api/messages/"+m.ID)), `"sender":"<ann&co@example.org>"`)
}

func TestServerAndPlan(t *testing.T) {
	t.Parallel()
	source := pagetest.New()
	h := page.New(source, page.Config{})
	s := decode[page.Server](t, send(t, h, "/api/server"))
	assert.Equal(t, source.Figures.Limits, s.Limits)
	assert.Len(t, s.Minutes, 60)
	plan := decode[struct {
		Filters []string
		Reasons []struct{ Bit, Filter string }
	}](t, send(t, h, "/api/plan"))
	assert.Equal(t, []string{"spf", "greylist", "headers", "banner"}, plan.Filters)
	assert.NotEmpty(t, plan.Reasons)

	source.Figures.Plan = nil
	assert.Equal(t, http.StatusNotFound, send(t, h, "/api/plan").StatusCode)
}

func TestStaticFiles(t *testing.T) {
	t.Parallel()
	h := mailbox(t, page.Config{})
	resp := send(t, h, "/static/main.js")
	assert.Equal(t, "text/javascript; charset=utf-8", resp.Header.Get("Content-Type"))
	assert.Equal(t, "no-cache", resp.Header.Get("Cache-Control"))
	again := send(t, h, "/static/main.js", header("If-None-Match", resp.Header.Get("ETag")))
	assert.Equal(t, http.StatusNotModified, again.StatusCode)
	assert.Empty(t, body(t, again))
	for _, path := range []string{"/", "/server", "/message/x"} {
		assert.Contains(t, body(t, send(t, h, path)), `<script type="module" src="/static/main.js">`)
	}
}

// A message is made readable on request.
func TestReadable(t *testing.T) {
	t.Parallel()
	h := page.New(pagetest.New(pagetest.Parts(1, began), pagetest.Mail(9, began)), page.Config{})
	got := decode[readable.Mail](t, send(t, h, "/api/messages/"+pagetest.ID(1)+"/readable"))
	assert.Contains(t, got.Header, readable.Field{Name: "Subject", Value: "Rechnung für März"})
	require.NotNil(t, got.Part)
	assert.Equal(t, "multipart/mixed", got.Part.Type)
	assert.Contains(t, got.Part.Parts[0].Text, "Grüße")
	assert.NotContains(t, body(t, send(t, h, "/api/messages/"+pagetest.ID(1))), "Grüße", "it is not in the message")
	none := decode[readable.Mail](t, send(t, h, "/api/messages/"+pagetest.ID(9)+"/readable"))
	assert.Nil(t, none.Part)
	assert.Equal(t, "the header and the body were not recorded", none.Missing)
	assert.Equal(t, http.StatusNotFound, send(t, h, "/api/messages/"+pagetest.ID(2)+"/readable").StatusCode)
}

// slowSource has a record that takes as long as the test wants.
type slowSource struct {
	*pagetest.Source
	wait chan struct{}
}

func (s slowSource) Message(context.Context, string) (*record.Message, error) {
	<-s.wait
	return nil, page.ErrNotFound
}

// Requests that read records wait for each other, for a bounded time.
func TestReadersAreBounded(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		source := slowSource{pagetest.New(), make(chan struct{})}
		h := page.New(source, page.Config{})
		got := make(chan int, 5)
		for range 5 {
			go func() { got <- send(t, h, "/api/messages/x").StatusCode }()
		}
		assert.Equal(t, http.StatusServiceUnavailable, <-got)
		close(source.wait)
		for range 4 {
			assert.Equal(t, http.StatusNotFound, <-got)
		}
	})
}

// busySource has a disk that hangs.
type busySource struct{ *pagetest.Source }

func (busySource) Message(context.Context, string) (*record.Message, error) {
	return nil, fmt.Errorf("%w: disk", page.ErrBusy)
}

// A record that is not found in time may be there later.
func TestBusySource(t *testing.T) {
	t.Parallel()
	resp := send(t, page.New(busySource{pagetest.New()}, page.Config{}), "/api/messages/x")
	assert.Equal(t, http.StatusServiceUnavailable, resp.StatusCode)
	assert.Equal(t, "5", resp.Header.Get("Retry-After"))
	assert.Contains(t, body(t, resp), "takes too long: try again")
}

// largeSource has records of any size.
type largeSource struct {
	*pagetest.Source
	size int
}

func (s largeSource) Raw(context.Context, string) ([]byte, error) { return make([]byte, s.size), nil }

func (s largeSource) Message(context.Context, string) (*record.Message, error) {
	m := pagetest.Mail(1, began)
	m.Header, m.Body = []record.Field{{Name: "Subject", Value: strings.Repeat("x", s.size)}}, make([]byte, s.size/6)
	return m, nil
}

// Browsers that do not read large answers hold the memory of four of them, and those of small
// ones are in the way of no other.
func TestLargeAnswersAreBounded(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		size, want int
		path       string
	}{
		"small record":           {1 << 20, http.StatusOK, "/record"},
		"large record":           {3 << 20, http.StatusServiceUnavailable, "/record"},
		"small message":          {1 << 20, http.StatusOK, ""},
		"large header":           {3 << 20, http.StatusServiceUnavailable, ""},
		"small text":             {1 << 20, http.StatusOK, "/readable"},
		"text of many bytes NUL": {3 << 20, http.StatusServiceUnavailable, "/readable"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				h := page.New(largeSource{newSource(1), c.size}, page.Config{})
				connect := serve(t, h)
				for range 4 {
					_, err := fmt.Fprintf(connect(), "GET /api/messages/x%s HTTP/1.1\r\nHost: localhost:9001\r\n\r\n", c.path)
					require.NoError(t, err)
				}
				synctest.Wait()
				assert.Equal(t, c.want, send(t, h, "/api/messages").StatusCode)
				time.Sleep(31 * time.Second) // the time to write
				assert.Equal(t, http.StatusOK, send(t, h, "/api/messages").StatusCode)
			})
		})
	}
}

// A search that takes too long ends, and says where to go on.
func TestSearchEnds(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		source := sluggish{newSource(30)}
		list := decode[page.List](t, send(t, page.New(source, page.Config{}), "/api/messages?q=nothing-has-this"))
		assert.Empty(t, list.Messages)
		assert.True(t, list.More)
		assert.Equal(t, pagetest.ID(26), list.Next, "the fifth record is the first after three seconds")
	})
}

// Records with very many recipients make a list short, and the next one goes on behind it.
func TestListOfManyRecipients(t *testing.T) {
	t.Parallel()
	var mails []*record.Message
	for i := range 20 {
		m := pagetest.Mail(i+1, began)
		m.Recipients = make([]record.Recipient, 4000)
		mails = append(mails, m)
	}
	h := page.New(pagetest.New(mails...), page.Config{})
	seen, next := 0, ""
	for range 7 {
		list := decode[page.List](t, send(t, h, "/api/messages?limit=500&before="+next))
		assert.LessOrEqual(t, len(list.Messages), 3)
		seen, next = seen+len(list.Messages), list.Next
		assert.Equal(t, seen < 20, list.More)
	}
	assert.Equal(t, 20, seen)
}

// sluggish takes 700 ms for each record. No number of them ends at the moment that a search ends.
type sluggish struct{ *pagetest.Source }

func (s sluggish) Recent(ctx context.Context, q page.Query) (list []record.Summary, next string, partial bool) {
	match := q.Match
	if match == nil {
		return s.Source.Recent(ctx, q)
	}
	q.Match = func(m *record.Summary) (wanted, end bool) {
		time.Sleep(700 * time.Millisecond)
		return match(m)
	}
	return s.Source.Recent(ctx, q)
}
