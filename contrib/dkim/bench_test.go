package dkim_test

import (
	"bytes"
	"fmt"
	"io"
	"strings"
	"testing"

	msgauth "github.com/emersion/go-msgauth/dkim"
	"github.com/stretchr/testify/require"

	"github.com/sluicemail/sluice/contrib/dkim"
	"github.com/sluicemail/sluice/framework/miltertest"
	"github.com/sluicemail/sluice/wire"
)

// sizes are the bodies of the benchmarks.
var sizes = []int{8 << 10, 1 << 20}

// benchHeader has 20 fields.
func benchHeader() [][2]string {
	fields := [][2]string{
		{"From", " Ann <ann@example.org>"},
		{"To", " Bob <bob@example.net>"},
		{"Subject", " a subject of the usual length"},
		{"Date", " Wed, 4 Mar 2026 05:06:07 +0000"},
		{"Message-ID", " <20260304050607.1@example.org>"},
		{"MIME-Version", " 1.0"},
		{"Content-Type", " text/plain;\n\tcharset=utf-8"},
	}
	for i := len(fields); i < 20; i++ {
		fields = append(fields, [2]string{fmt.Sprintf("X-Field-%d", i), " some value that is not signed"})
	}
	return fields
}

func benchBody(n int) []byte {
	line := []byte("The quick brown fox jumps over the lazy dog, again and again, to the end.\r\n")
	return bytes.Repeat(line, n/len(line)+1)[:n]
}

// BenchmarkSigner sends a message with 20 fields through the filter, over a
// connection in memory, with relaxed/relaxed canonicalization.
func BenchmarkSigner(b *testing.B) {
	for _, kind := range []string{"rsa", "ed25519"} {
		for _, n := range sizes {
			b.Run(fmt.Sprintf("%s %d KiB", kind, n>>10), func(b *testing.B) {
				conn := miltertest.NewServer(b, signer(b, forExample(key(b, "example.org", "s", kind))), quiet()).Dial(b)
				_, err := conn.Connect(b.Context(), &wire.Connect{Host: []byte("localhost"), Family: wire.FamilyInet, Port: 25, Address: []byte("127.0.0.1")})
				require.NoError(b, err)
				header, body := benchHeader(), benchBody(n)
				b.SetBytes(int64(n))
				b.ReportAllocs()
				for b.Loop() {
					_, _ = conn.Mail(b.Context(), "<ann@example.org>")
					_, _ = conn.Rcpt(b.Context(), "<bob@example.net>")
					for _, f := range header {
						_, _ = conn.Header(b.Context(), f[0], f[1])
					}
					_, _ = conn.EndOfHeaders(b.Context())
					for rest := body; len(rest) > 0; {
						k := min(len(rest), 65535)
						_, _ = conn.Body(b.Context(), rest[:k])
						rest = rest[k:]
					}
					_, mods, err := conn.EndOfMessage(b.Context(), nil)
					require.NoError(b, err)
					require.Len(b, mods, 1)
				}
			})
		}
	}
}

// BenchmarkSign compares this package with the signer of go-msgauth on the same
// bytes.
func BenchmarkSign(b *testing.B) {
	var header strings.Builder
	for _, f := range benchHeader() {
		header.WriteString(f[0] + ":" + crlf(f[1]) + "\r\n")
	}
	k := key(b, "example.org", "s", "ed25519")
	for _, n := range sizes {
		message := header.String() + "\r\n" + string(benchBody(n))
		b.Run(fmt.Sprintf("ours %d KiB", n>>10), func(b *testing.B) {
			b.SetBytes(int64(n))
			b.ReportAllocs()
			for b.Loop() {
				_, err := dkim.Sign(forExample(k), strings.NewReader(message))
				require.NoError(b, err)
			}
		})
		b.Run(fmt.Sprintf("go-msgauth %d KiB", n>>10), func(b *testing.B) {
			b.SetBytes(int64(n))
			b.ReportAllocs()
			opts := &msgauth.SignOptions{
				Domain: "example.org", Selector: "s", Signer: k.Signer, HeaderKeys: dkim.DefaultHeaders(),
				HeaderCanonicalization: msgauth.CanonicalizationRelaxed, BodyCanonicalization: msgauth.CanonicalizationRelaxed,
			}
			for b.Loop() {
				s, err := msgauth.NewSigner(opts)
				require.NoError(b, err)
				_, err = io.Copy(s, strings.NewReader(message))
				require.NoError(b, err)
				require.NoError(b, s.Close())
			}
		})
	}
}
