//go:build integration

package spf_test

import (
	"fmt"
	"io"
	"net"
	"net/netip"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/sluicemail/sluice/contrib/resolver"
	"github.com/sluicemail/sluice/contrib/resolver/resolvertest"
	"github.com/sluicemail/sluice/contrib/spf"
	"github.com/sluicemail/sluice/framework"
	"github.com/sluicemail/sluice/framework/miltertest"
	"github.com/sluicemail/sluice/framework/miltertest/realmta"
)

// loopback is the DNS of the tests behind real servers, whose clients have addresses of the
// loopback network.
const loopback = `
	client.example.test. TXT "v=spf1 ip4:127.0.0.2 ip6:2001:db8::/32 -all"
	good.example.        TXT "v=spf1 ip4:127.0.0.2 ip6:2001:db8::1 -all"
	bad.example.         TXT "v=spf1 ip4:127.0.0.3 -all exp=why.bad.example"
	why.bad.example.     TXT "%{i} is no host of %{d}"
	soft.example.        TXT "v=spf1 ~all"
`

// behind is a real server with the filter.
type behind struct {
	mta  realmta.MTA
	sent int
}

// newBehind starts a server whose filter uses a name server over real sockets.
func newBehind(t *testing.T, server realmta.MTA, cfg spf.Config) *behind {
	t.Helper()
	if p, ok := server.(*realmta.Postfix); ok {
		p.Reconfigure(t, map[string]string{"smtpd_authorized_xclient_hosts": "127.0.0.0/8", "mynetworks": "0.0.0.0/0 [::]/0"})
	}
	dns, err := resolver.New(resolver.Config{Servers: []string{resolvertest.Listen(t, loopback, broken())}})
	require.NoError(t, err)
	cfg.Resolver = dns
	r := framework.NewRouter()
	r.Mount(filter(t, cfg))
	ln := server.Listen(t, "unix")
	realmta.Serve(t, ln, r, framework.Config{})
	server.SetFilters(t, ln.Addr())
	return &behind{mta: server}
}

const mail = "Authentication-Results: mx.example.net; spf=pass\r\nFrom: ann@example.org\r\nSubject: hello\r\n\r\nHow are you?\r\n"

// send sends a message over a connection from an address, after XCLIENT if that is not "". It
// returns the reply, or the message as it was delivered.
func (b *behind) send(t *testing.T, source, xclient, sender, data string) (code int, text string) {
	t.Helper()
	b.sent++
	to := fmt.Sprintf("m%d@example.test", b.sent)
	c := realmta.DialSMTP(t, from(t, source, b.mta.Addr()))
	defer c.Close()
	c.Cmd("EHLO client.example.test")
	if xclient != "" {
		code, text = c.Cmd("XCLIENT " + xclient)
		require.Equal(t, 220, code, text)
		c.Cmd("EHLO client.example.test")
	}
	code, text = c.Deliver(realmta.Message{From: sender, To: []string{to}, Data: []byte(data)})
	if code != 250 {
		return code, text
	}
	return code, string(b.mta.Sink().Await(t, realmta.ToRecipient(to)).WithoutTrace())
}

// TestBehindMailServers compares what real servers deliver, byte for byte, and their replies.
func TestBehindMailServers(t *testing.T) {
	t.Parallel()
	for name, start := range realmta.Each(realmta.Config{}) {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := newBehind(t, start(t), spf.Config{
				Networks: prefixes("127.0.0.1/32"), Relays: prefixes("127.0.0.9/32"), ReceivedSPF: true,
				MailFrom: spf.Policy{Fail: spf.Reject, TempError: spf.TempFail},
			})
			_, rest, _ := strings.Cut(mail, "\r\n") // without the forged field
			code, text := b.send(t, "127.0.0.2", "", "ann@good.example", mail)
			require.Equal(t, 250, code, text)
			assert.Equal(t, "Authentication-Results: mx.example.net;\r\n"+
				"\tspf=pass smtp.mailfrom=ann@good.example;\r\n\tspf=pass smtp.helo=client.example.test\r\n"+
				"Received-SPF: pass (mx.example.net: domain of ann@good.example designates\r\n"+
				" 127.0.0.2 as permitted sender) identity=mailfrom; client-ip=127.0.0.2;\r\n"+
				" helo=client.example.test; envelope-from=\"ann@good.example\";\r\n"+
				" receiver=mx.example.net; mechanism=\"ip4:127.0.0.2\"\r\n"+
				"Received-SPF: pass (mx.example.net: domain of postmaster@client.example.test\r\n"+
				" designates 127.0.0.2 as permitted sender) identity=helo; client-ip=127.0.0.2;\r\n"+
				" helo=client.example.test; envelope-from=\"postmaster@client.example.test\";\r\n"+
				" receiver=mx.example.net; mechanism=\"ip4:127.0.0.2\"\r\n"+rest, text)

			code, text = b.send(t, "127.0.0.2", "", "ann@bad.example", mail)
			assert.Equal(t, 550, code)
			assert.Equal(t, "5.7.23 SPF check of MAIL FROM: fail, 127.0.0.2 may not send mail for bad.example\n"+
				"5.7.23 bad.example explains: 127.0.0.2 is no host of bad.example", text)
			code, text = b.send(t, "127.0.0.2", "", "ann@broken.example", mail)
			assert.Equal(t, 451, code)
			assert.Equal(t, "4.7.24 SPF check of MAIL FROM: temperror, TXT broken.example: no usable answer", text)

			for _, c := range []struct{ source, sender, want string }{
				{"127.0.0.3", "ann@bad.example", "spf=pass smtp.mailfrom=ann@bad.example;\r\n\tspf=fail smtp.helo=client.example.test"},
				{"127.0.0.2", "", "spf=pass smtp.mailfrom=postmaster@client.example.test\r\n\t smtp.helo=client.example.test"},
				{"127.0.0.2", "ann@soft.example", "spf=softfail smtp.mailfrom=ann@soft.example"},
				{"127.0.0.1", "ann@bad.example", "spf=none reason=\"the client is in a network of this host\""},
				{"127.0.0.9", "ann@bad.example", "spf=none reason=\"the Received field of a relay names no client\""},
			} {
				code, text = b.send(t, c.source, "", c.sender, mail)
				assert.Equal(t, 250, code, text)
				assert.Contains(t, text, "\tspf=")
				assert.Contains(t, text, c.want)
			}
		})
	}
}

// TestClientsOfPostfix uses XCLIENT for clients that a test cannot have otherwise.
func TestClientsOfPostfix(t *testing.T) {
	t.Parallel()
	b := newBehind(t, realmta.StartPostfix(t, realmta.PostfixConfig{Main: map[string]string{"inet_protocols": "all"}}), spf.Config{
		MailFrom: spf.Policy{Fail: spf.Reject},
	})
	for xclient, want := range map[string]string{
		"NAME=x.example ADDR=IPV6:2001:db8::1":    "spf=pass smtp.mailfrom=ann@good.example",
		"NAME=x.example ADDR=192.0.2.1 LOGIN=ann": "spf=none reason=\"the client has logged in\"",
		"NAME=x.example ADDR=IPV6:2001:db8::2":    "fail, 2001:db8::2 may not send mail for good.example",
		"NAME=x.example ADDR=192.0.2.1":           "fail, 192.0.2.1 may not send mail for good.example",
	} {
		_, text := b.send(t, "127.0.0.1", xclient, "ann@good.example", mail)
		assert.Contains(t, text, want, xclient)
	}
}

// TestReceivedOfMailServers takes the Received fields that real servers write, for honest and
// for hostile clients, as those of a relay.
func TestReceivedOfMailServers(t *testing.T) {
	t.Parallel()
	for name, start := range realmta.Each(realmta.Config{}) {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			server := start(t)
			f := filter(t, spf.Config{Resolver: resolvertest.New(t, world), Relays: prefixes("203.0.113.0/24")})
			for i, helo := range []string{
				"client.example.org", "[198.51.100.3]", "[IPv6:::1]", "x ([198.51.100.3]) by y", "x([198.51.100.3])", "x[198.51.100.3]",
				"helo=[198.51.100.3]", "x (y [198.51.100.3])", `x"y`, `x\y`, "x]y[z",
				"x y", "x\ty", "x=y", "helo=x ident=y", strings.Repeat("x", 1500),
			} {
				c := realmta.DialSMTP(t, from(t, "127.0.0.2", server.Addr()))
				if code, _ := c.Cmd("HELO " + helo); code != 250 {
					continue // Sendmail refuses some of them
				}
				to := fmt.Sprintf("h%d@example.test", i)
				code, text := c.Deliver(realmta.Message{From: "ann@good.example", To: []string{to}, Data: []byte(mail)})
				require.Equal(t, 250, code, text)
				trace := server.Sink().Await(t, realmta.ToRecipient(to)).Trace()
				trace = strings.ReplaceAll(trace, "[127.0.0.2]", "[192.0.2.1]") // loopback would be the relay itself
				res := miltertest.Run(t, f, miltertest.Message(trace+"\r\nx\r\n", miltertest.From("ann@good.example"), miltertest.Client("203.0.113.1")))
				got := res.Header("Authentication-Results")
				if i == 0 {
					assert.Equal(t, "mx.example.net;\n\tspf=pass smtp.mailfrom=ann@good.example;\n\tspf=pass smtp.helo=client.example.org", got)
				}
				assert.Contains(t, got, "spf=pass smtp.mailfrom", "the client's address, which HELO cannot hide: %s", trace)
			}
		})
	}
}

// from forwards connections to an address, with another address of this host as their source.
func from(t *testing.T, source, to string) string {
	t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	dialer := net.Dialer{LocalAddr: net.TCPAddrFromAddrPort(netip.AddrPortFrom(netip.MustParseAddr(source), 0))}
	var forwarding sync.WaitGroup
	forwarding.Go(func() {
		for {
			client, err := ln.Accept()
			if err != nil {
				return
			}
			server, err := dialer.DialContext(t.Context(), "tcp", to)
			if !assert.NoError(t, err) {
				_ = client.Close()
				return
			}
			forwarding.Go(func() { forward(client, server) })
			forwarding.Go(func() { forward(server, client) })
		}
	})
	t.Cleanup(func() {
		_ = ln.Close()
		forwarding.Wait()
	})
	return ln.Addr().String()
}

func forward(from, to net.Conn) {
	_, _ = io.Copy(to, from)
	_ = from.Close()
	_ = to.Close()
}
