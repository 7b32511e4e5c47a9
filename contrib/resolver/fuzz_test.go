package resolver_test

import (
	"context"
	"errors"
	"net"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/miekg/dns"
	"github.com/stretchr/testify/require"

	"github.com/sluicemail/sluice/contrib/resolver"
)

// canned is a connection whose peer answers a query with its ID and its question,
// and with the text that follows. It needs no goroutine.
type canned struct {
	net.Conn // nil: nothing else is called
	flags    [2]byte
	rest     []byte // the counts of records, and the records
	tcp      bool
	pending  []byte
}

func (c *canned) Write(p []byte) (int, error) {
	query := p
	if c.tcp {
		query = p[2:]
	}
	q := new(dns.Msg)
	if err := q.Unpack(query); err != nil {
		return 0, err
	}
	q.Extra = nil
	question, err := q.Pack()
	if err != nil {
		return 0, err
	}
	packet := append(question[:2:2], c.flags[0]|0x80, c.flags[1], 0, 1)
	packet = append(append(append(packet, c.rest[:6]...), question[12:]...), c.rest[6:]...)
	if c.tcp {
		packet = append([]byte{byte(len(packet) >> 8), byte(len(packet))}, packet...)
	}
	c.pending = packet
	return len(p), nil
}

func (c *canned) Read(p []byte) (int, error) {
	if len(c.pending) == 0 {
		return 0, errors.New("nothing more")
	}
	n := copy(p, c.pending)
	if c.pending = c.pending[n:]; !c.tcp {
		c.pending = nil
	}
	return n, nil
}

func (*canned) Close() error                { return nil }
func (*canned) SetDeadline(time.Time) error { return nil }

// FuzzAnswer answers queries with arbitrary records. Whatever comes is an answer
// within the limits or an error of a documented kind.
func FuzzAnswer(f *testing.F) {
	owner := []byte{0xc0, 12}
	record := func(kind byte, data string) []byte {
		return append(append(append([]byte{}, owner...), 0, kind, 0, 1, 0, 0, 0, 60, 0, byte(len(data))), data...)
	}
	one := []byte{0, 1, 0, 0, 0, 0}
	for _, seed := range []struct {
		kind uint16
		data []byte
	}{
		{dns.TypeTXT, record(16, "\x05v=a\\\"\x02bc")},
		{dns.TypeA, record(1, "\xc0\x00\x02\x01")},
		{dns.TypeAAAA, record(28, strings.Repeat("\x20", 16))},
		{dns.TypeMX, record(15, "\x00\x0a\x02mx\xc0\x0c")},
		{dns.TypePTR, record(12, "\x04mail\x00")},
		{dns.TypeTXT, record(5, "\xc0\x0c")},
		{dns.TypeTXT, record(5, "\x01b\x00")},
	} {
		f.Add(seed.kind, byte(0), byte(0x80), append(append([]byte{}, one...), seed.data...), false)
		f.Add(seed.kind, byte(0), byte(0x83), append(append([]byte{}, one...), seed.data...), true)
	}
	f.Fuzz(func(t *testing.T, kind uint16, flags, code byte, rest []byte, tcp bool) {
		if len(rest) < 6 || len(rest) > 60000 {
			return
		}
		dial := func(_ context.Context, network, _ string) (net.Conn, error) {
			conn := &canned{flags: [2]byte{flags, code}, rest: rest, tcp: network == "tcp"}
			if tcp && !conn.tcp {
				conn.flags[0] |= 0x02
			}
			return conn, nil
		}
		r := create(t, resolver.Config{Servers: []string{"dns:53"}, Dial: dial})
		a, err := r.Lookup(t.Context(), "a.test", resolver.Type(kind))
		if err != nil {
			for _, known := range []error{resolver.ErrNXDomain, resolver.ErrNoData, resolver.ErrServer, resolver.ErrTooLarge, resolver.ErrName} {
				if errors.Is(err, known) {
					return
				}
			}
			t.Fatalf("unknown kind of error: %v", err)
		}
		checkAnswer(t, a)
	})
}

func checkAnswer(t *testing.T, a *resolver.Answer) {
	t.Helper()
	n, size := len(a.TXT)+len(a.Addrs)+len(a.MX)+len(a.Names), 0
	require.Positive(t, n)
	require.LessOrEqual(t, n, 256)
	for _, text := range a.TXT {
		size += len(text)
	}
	require.LessOrEqual(t, size, 32<<10)
	hosts := a.Names
	for _, mx := range a.MX {
		if mx.Host != "" {
			hosts = append(hosts, mx.Host)
		}
	}
	for _, host := range hosts {
		require.LessOrEqual(t, len(host), 253)
		require.Equal(t, strings.ToLower(host), host)
		require.False(t, strings.HasPrefix(host, ".") || strings.HasSuffix(host, ".") || strings.ContainsAny(host, "\\\r\n\x00"), host)
	}
	for _, addr := range a.Addrs {
		require.NotEqual(t, netip.Addr{}, addr)
	}
}
