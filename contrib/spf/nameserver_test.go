package spf_test

import (
	"context"
	"net"
	"net/netip"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"golang.org/x/net/dns/dnsmessage"

	"github.com/sluicemail/sluice/contrib/resolver"
)

// zone has the records of names in lower case. The names of the suites are such that a
// master file cannot have, and their failures are of one name and not of those below it.
type zone map[string]*node

// node are the records of a name.
type node struct {
	bodies map[dnsmessage.Type][]dnsmessage.ResourceBody
	fails  bool // queries for other types are not answered
}

func (z zone) node(name string) *node {
	name = strings.ToLower(strings.TrimSuffix(name, "."))
	if z[name] == nil {
		z[name] = &node{bodies: make(map[dnsmessage.Type][]dnsmessage.ResourceBody)}
	}
	return z[name]
}

func (z zone) txt(name string, parts ...string) {
	if len(parts) == 0 {
		parts = []string{""}
	}
	z.add(name, dnsmessage.TypeTXT, &dnsmessage.TXTResource{TXT: parts})
}

func (z zone) add(name string, t dnsmessage.Type, body dnsmessage.ResourceBody) {
	n := z.node(name)
	n.bodies[t] = append(n.bodies[t], body)
}

func (z zone) addr(name string, t dnsmessage.Type, text string) {
	addr := netip.MustParseAddr(text)
	if t == dnsmessage.TypeA {
		z.add(name, t, &dnsmessage.AResource{A: addr.As4()})
	} else {
		z.add(name, t, &dnsmessage.AAAAResource{AAAA: addr.As16()})
	}
}

// dnsName returns a name with a dot at its end.
func dnsName(name string) dnsmessage.Name {
	return dnsmessage.MustNewName(strings.TrimSuffix(name, ".") + ".")
}

// answer returns the answer to a query.
func (z zone) answer(packet []byte) []byte {
	var query dnsmessage.Message
	if query.Unpack(packet) != nil || len(query.Questions) != 1 {
		return nil
	}
	q := query.Questions[0]
	reply := dnsmessage.Message{
		Header:    dnsmessage.Header{ID: query.ID, Response: true, RecursionAvailable: true},
		Questions: query.Questions,
	}
	name := q.Name
	for range 5 {
		n := z[strings.ToLower(strings.TrimSuffix(name.String(), "."))]
		switch {
		case n == nil && !z.hasBelow(name.String()):
			reply.RCode = dnsmessage.RCodeNameError
		case n != nil && n.fails && n.bodies[q.Type] == nil:
			reply.RCode = dnsmessage.RCodeServerFailure
		case n != nil && n.bodies[dnsmessage.TypeCNAME] != nil:
			alias := n.bodies[dnsmessage.TypeCNAME][0]
			reply.Answers = append(reply.Answers, resource(name, dnsmessage.TypeCNAME, alias))
			name = alias.(*dnsmessage.CNAMEResource).CNAME
			continue
		case n != nil:
			for _, body := range n.bodies[q.Type] {
				reply.Answers = append(reply.Answers, resource(name, q.Type, body))
			}
		}
		break
	}
	packed, err := reply.Pack()
	if err != nil {
		return nil
	}
	return packed
}

func (z zone) hasBelow(name string) bool {
	for other := range z {
		if strings.HasSuffix(other, "."+strings.ToLower(strings.TrimSuffix(name, "."))) {
			return true
		}
	}
	return false
}

func resource(name dnsmessage.Name, t dnsmessage.Type, body dnsmessage.ResourceBody) dnsmessage.Resource {
	return dnsmessage.Resource{Header: dnsmessage.ResourceHeader{Name: name, Type: t, Class: dnsmessage.ClassINET, TTL: 3600}, Body: body}
}

// serve returns a resolver whose server has the zone, without a network.
func (z zone) serve(t *testing.T) *resolver.Resolver {
	t.Helper()
	dial := func(context.Context, string, string) (net.Conn, error) {
		near, far := net.Pipe()
		go func() {
			defer func() { _ = far.Close() }()
			buf := make([]byte, 4096)
			for {
				n, err := far.Read(buf)
				if err != nil {
					return // the resolver has gone
				}
				if _, err := far.Write(z.answer(buf[:n])); err != nil {
					return
				}
			}
		}()
		return near, nil
	}
	dns, err := resolver.New(resolver.Config{Servers: []string{"192.0.2.53:53"}, Dial: dial})
	require.NoError(t, err)
	return dns
}
