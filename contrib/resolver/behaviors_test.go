package resolver_test

import (
	"encoding/binary"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/miekg/dns"
	"github.com/stretchr/testify/assert"

	"github.com/sluicemail/sluice/contrib/resolver"
	"github.com/sluicemail/sluice/framework/miltertest/testproc"
)

// behavior is what a server does, and what lookups of it must give. The speed of the
// machine decides about none of it.
type behavior struct {
	handler dns.HandlerFunc // nil for a server that refuses connections
	text    string          // what each lookup returns, if it can have no error
	// errors are those that a lookup may have. The first of them occurs.
	errors []error
	// waits is set if nothing ends a lookup but the time.
	waits bool
	// giveWay is the time after which a lookup gives way, or 0 if none does.
	giveWay time.Duration
	network string // that on which the server does it, or "" for each
	many    bool   // set if the test looks up many names
}

// names returns the number of names to look up. It is more than the cache and the
// places hold.
func (b *behavior) names() int32 {
	switch {
	case b.many:
		return 10_000
	case testproc.RaceEnabled:
		return 500 // the race detector is slow
	}
	return 1000
}

// behaviors returns what servers do.
func behaviors(t *testing.T) map[string]behavior {
	t.Helper()
	const short = "v=DKIM1; p="
	large := strings.Repeat("x", 65*255)
	unusable := []error{resolver.ErrServer}
	late, busy := append(unusable, resolver.ErrBusy), []error{resolver.ErrBusy, resolver.ErrServer}
	return map[string]behavior{
		"good":         {handler: text(t, short), text: short, many: true},
		"slow":         {handler: slow(text(t, short)), text: short},
		"large":        {handler: text(t, large), text: large, network: "tcp"},
		"giant":        {handler: text(t, large+large), errors: []error{resolver.ErrTooLarge}, network: "tcp"},
		"no such name": {handler: code(dns.RcodeNameError), errors: []error{resolver.ErrNXDomain}},
		"no records":   {handler: code(dns.RcodeSuccess), errors: []error{resolver.ErrNoData}},
		"failing":      {handler: code(dns.RcodeServerFailure), errors: unusable},
		"dead":         {errors: unusable},
		"closing":      {handler: func(w dns.ResponseWriter, _ *dns.Msg) { _ = w.Close() }, errors: unusable, network: "tcp"},
		"looping":      {handler: looping(t), errors: unusable},
		"truncating":   {handler: truncated, errors: unusable, network: "tcp"},
		"lying":        {handler: lying(text(t, short)), errors: unusable, network: "tcp"},
		// A query over UDP is still open after a lie.
		"lying again": {handler: lying(text(t, short)), errors: late, waits: true, network: "udp"},
		"silent":      {handler: silent, errors: late, waits: true},
		"giving way":  {handler: silent, errors: busy, waits: true, giveWay: time.Millisecond},
	}
}

// serve starts the server.
func (b *behavior) serve(t *testing.T, network string) *server {
	t.Helper()
	switch {
	case network == "udp" && b.handler == nil:
		return &server{address: deadAddress(t)}
	case network == "udp":
		return serve(t, b.handler)
	case b.handler == nil:
		return serveUDP(t, truncated)
	}
	return serve(t, truncating(b.handler))
}

// config returns a configuration with the time of a lookup. That is short only if nothing
// else ends it.
func (b *behavior) config(address string) resolver.Config {
	cfg := resolver.Config{Servers: []string{address}, Timeout: patient, GiveWay: time.Hour}
	switch {
	case b.giveWay > 0:
		cfg.Timeout, cfg.GiveWay = time.Second, b.giveWay
	case b.waits:
		cfg.Timeout = 10 * time.Millisecond
	}
	return cfg
}

// check checks the outcome of a lookup. It reports whether that is the one which must
// occur.
func (b *behavior) check(t *testing.T, texts []string, err error) bool {
	t.Helper()
	if len(b.errors) == 0 {
		return assert.NoError(t, err) && assert.Equal(t, []string{b.text}, texts)
	}
	for i, kind := range b.errors {
		if errors.Is(err, kind) {
			return i == 0
		}
	}
	t.Errorf("%v, %v", texts, err)
	return false
}

// checkQueries checks that the server received the queries over TCP.
func (b *behavior) checkQueries(t *testing.T, network string, tcp int32) {
	t.Helper()
	switch {
	case network == "udp" || b.handler == nil:
		assert.Zero(t, tcp)
	case b.waits:
		assert.Positive(t, tcp)
	default:
		assert.GreaterOrEqual(t, tcp, b.names())
	}
}

// text answers with a record that has a text. It is quick with large ones.
func text(t testing.TB, s string) dns.HandlerFunc {
	t.Helper()
	var data []byte
	for rest := s; rest != ""; {
		n := min(len(rest), 255)
		data = append(append(data, byte(n)), rest[:n]...)
		rest = rest[n:]
	}
	record := []byte{0xc0, 12, 0, 16, 0, 1, 0, 0, 14, 16} // the name of the question, TXT, IN, an hour
	record = append(binary.BigEndian.AppendUint16(record, uint16(len(data))), data...)
	return func(w dns.ResponseWriter, q *dns.Msg) {
		packet, err := reply(q).Pack()
		assert.NoError(t, err)
		packet[7] = 1 // the number of answers
		_, _ = w.Write(append(packet, record...))
	}
}

// slow answers after some time.
func slow(next dns.HandlerFunc) dns.HandlerFunc {
	return func(w dns.ResponseWriter, q *dns.Msg) {
		time.Sleep(3 * time.Millisecond)
		next(w, q)
	}
}

// lying answers another query.
func lying(next dns.HandlerFunc) dns.HandlerFunc {
	return func(w dns.ResponseWriter, q *dns.Msg) {
		q.Id++
		next(w, q)
	}
}

// looping answers that a name is an alias of itself.
func looping(t testing.TB) dns.HandlerFunc {
	t.Helper()
	return func(w dns.ResponseWriter, q *dns.Msg) {
		name := q.Question[0].Name
		zone(t, name+" 60 CNAME "+name)(w, q)
	}
}

// truncated answers that the answer is too large, over TCP too.
func truncated(w dns.ResponseWriter, q *dns.Msg) {
	m := reply(q)
	m.Truncated = true
	_ = w.WriteMsg(m)
}
