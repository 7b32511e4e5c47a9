package matrix_test

import (
	"crypto/sha256"
	"fmt"
	"hash"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/assert"

	"github.com/sluicemail/sluice/framework"
	"github.com/sluicemail/sluice/framework/miltertest"
)

// named is a filter under the name of its entry.
type named struct {
	framework.Filter
	name string
}

// Name implements [framework.Filter].
func (n named) Name() string { return n.name }

// view is a message as a filter between two others sees it.
type view struct {
	fields     []framework.Field
	sender     string
	recipients []string
	body       string
}

// viewer is a filter that only looks at the message. A server gets one message at a time.
type viewer struct {
	name string
	mu   sync.Mutex
	last *view // of the last message that got here
}

// seen returns the view of the last message.
func (v *viewer) seen() *view {
	v.mu.Lock()
	defer v.mu.Unlock()
	return v.last
}

// Name implements [framework.Filter].
func (v *viewer) Name() string { return v.name }

// Register implements [framework.Filter].
func (v *viewer) Register(r *framework.Router) error {
	header, envelope := r.WantHeaders(), r.WantEnvelope()
	body := framework.PerMessage[struct{ hash.Hash }](r)
	r.ObserveBody(func(s *framework.Session, b *framework.Body) error {
		h := body.Get(s)
		if h.Hash == nil {
			h.Hash = sha256.New()
		}
		_, err := h.Write(b.Chunk())
		return err
	})
	r.OnEndOfMessage(func(s *framework.Session, _ *framework.EndOfMessage) (framework.Verdict, error) {
		v.mu.Lock()
		defer v.mu.Unlock()
		v.last = &view{sender: envelope.Sender(s), recipients: envelope.Recipients(s)}
		if h := body.Get(s).Hash; h != nil {
			v.last.body = fmt.Sprintf("%x", h.Sum(nil))
		}
		for f := range header.All(s) {
			v.last.fields = append(v.last.fields, f)
		}
		return framework.Continue, nil
	})
	return nil
}

// results are what a filter did with a message, as text.
type results struct{ edits, log string }

// outcome is what the filters of a router did with a message.
type outcome struct {
	of    []results // by filter
	reply string    // if the message was not delivered
}

// observer runs messages through filters with a viewer before, between and behind them.
type observer struct {
	t       *testing.T
	srv     *miltertest.Server
	names   []string
	viewers []*viewer

	mu       sync.Mutex
	sessions map[string]string // the address of the client by the session
}

// observe starts a server with the filters.
func observe(t *testing.T, p miltertest.Personality, entries ...entry) *observer {
	t.Helper()
	o, r := mount(t, entries...)
	o.srv = miltertest.NewRouterServer(t, r, miltertest.As(p), miltertest.AllowGoroutines())
	return o
}

// mount mounts the filters on a router.
func mount(t *testing.T, entries ...entry) (*observer, *framework.Router) {
	t.Helper()
	o := &observer{t: t, viewers: []*viewer{{name: "viewer 0"}}, sessions: make(map[string]string)}
	r := framework.NewRouter()
	r.ObserveConnect(o.connect)
	r.Mount(o.viewers[0])
	for i, e := range entries {
		v := &viewer{name: fmt.Sprintf("viewer %d", i+1)}
		o.names, o.viewers = append(o.names, e.name), append(o.viewers, v)
		r.Mount(named{e.make(t), e.name})
		r.Mount(v)
	}
	return o, r
}

// connect notes the address of the client: each message of the matrix has its own.
func (o *observer) connect(s *framework.Session, c *framework.Connect) error {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.sessions[s.ID()] = c.Addr().String()
	return nil
}

// run sends messages, each over a new connection, closes the server, and returns the outcomes.
func (o *observer) run(messages []mail) []*outcome {
	o.t.Helper()
	list := make([]*outcome, len(messages))
	clients := make(map[string]*outcome)
	for i, m := range messages {
		list[i] = o.send(m)
		clients[m.msg.Client.Addr] = list[i]
	}
	o.srv.Close(o.t)
	for _, r := range o.srv.Logs() {
		session, _ := miltertest.LogAttr(r, "session")
		filter, _ := miltertest.LogAttr(r, "filter")
		out := clients[o.sessions[session.String()]]
		if i := slices.Index(o.names, filter.String()); i >= 0 && out != nil {
			out.of[i].log += lineOf(r)
		}
	}
	return list
}

// send sends a message and returns what the filters did, without their logs.
func (o *observer) send(m mail) *outcome {
	o.t.Helper()
	res := o.srv.Dial(o.t).Run(o.t, m.msg)
	out := &outcome{of: make([]results, len(o.names))}
	if !res.Delivered() {
		out.reply = res.Verdict.String() + " " + res.Reply()
		return out
	}
	for i := range o.names {
		out.of[i].edits = changes(o.viewers[i].seen(), o.viewers[i+1].seen())
	}
	o.delivered(m, res)
	return out
}

// delivered asserts that the MTA delivers the header that the last viewer saw.
func (o *observer) delivered(m mail, res *miltertest.Result) {
	o.t.Helper()
	last := o.viewers[len(o.viewers)-1].seen()
	var want, got []string
	for _, f := range last.fields {
		want = append(want, line(f.Name, f.Value))
	}
	for _, f := range res.Edited.Header {
		got = append(got, line(f.Name, f.Value))
	}
	slices.Sort(want)
	slices.Sort(got)
	assert.Equal(o.t, want, got, "%s through %v is delivered as the last filter saw it", m.name, o.names)
}

// line returns a field as text. Sendmail keeps the original case of a name.
func line(name, value string) string {
	value = strings.TrimSpace(strings.ReplaceAll(value, "\r\n", "\n"))
	return strings.ToLower(name) + ": " + value
}

// changes describes what a filter between two viewers did.
func changes(before, after *view) string {
	var b strings.Builder
	count := make(map[string]int)
	for _, f := range before.fields {
		count[line(f.Name, f.Value)]++
	}
	for _, f := range after.fields {
		if l := line(f.Name, f.Value); count[l] > 0 {
			count[l]--
		} else {
			fmt.Fprintf(&b, "+ %s (by %s, changed %t)\n", l, f.Origin.Filter, f.Origin.Changed)
		}
	}
	for _, f := range before.fields {
		if l := line(f.Name, f.Value); count[l] > 0 {
			count[l]--
			fmt.Fprintf(&b, "- %s\n", l)
		}
	}
	for _, to := range after.recipients {
		if !slices.Contains(before.recipients, to) {
			fmt.Fprintf(&b, "+ recipient %s\n", to)
		}
	}
	for _, to := range before.recipients {
		if !slices.Contains(after.recipients, to) {
			fmt.Fprintf(&b, "- recipient %s\n", to)
		}
	}
	if before.sender != after.sender {
		fmt.Fprintf(&b, "sender %s\n", after.sender)
	}
	if before.body != after.body {
		fmt.Fprintf(&b, "body %s\n", after.body)
	}
	return b.String()
}

// lineOf returns a line of the log without what depends on the session and on how the edits
// are sent to the MTA.
func lineOf(r slog.Record) string {
	var b strings.Builder
	b.WriteString(r.Message)
	r.Attrs(func(a slog.Attr) bool {
		if !slices.Contains([]string{"session", "peer", "message", "took", "wait", "queue_id", "kind"}, a.Key) {
			fmt.Fprintf(&b, " %v", a)
		}
		return true
	})
	return b.String() + "\n"
}
