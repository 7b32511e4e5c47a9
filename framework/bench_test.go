package framework_test

import (
	"bytes"
	"crypto/sha256"
	"hash"
	"strconv"
	"testing"

	"github.com/sluicemail/sluice/framework"
	"github.com/sluicemail/sluice/framework/miltertest"
)

const mebibyte = 1 << 20

// BenchmarkSessionHeader runs a filter that reads one of 20 fields and adds
// one.
func BenchmarkSessionHeader(b *testing.B) { benchmark(b, headerFilter(), everything(20, 2048), 0) }

// BenchmarkIdleLanes adds lanes that do nothing with the message. The cost of
// one of them is the difference to BenchmarkSessionHeader, divided by their
// number.
func BenchmarkIdleLanes(b *testing.B) {
	for _, lanes := range []int{0, 1, 10, 50} {
		b.Run(strconv.Itoa(lanes), func(b *testing.B) {
			r := headerFilter()
			for i := range lanes {
				r.Mount(miltertest.FilterFunc("idle "+strconv.Itoa(i), func(r *framework.Router) error {
					r.ObserveUnknown(watches)
					return nil
				}))
			}
			benchmark(b, r, everything(20, 2048), 0)
		})
	}
}

// BenchmarkSessionAll runs a filter that replies at every stage.
func BenchmarkSessionAll(b *testing.B) {
	r := framework.NewRouter()
	for _, twin := range stageTwins() {
		twin.on(r, goOn)
	}
	benchmark(b, r, everything(20, 2048), 0)
}

type digester struct{ hash.Hash }

// ResetSlot reuses the memory for the next message.
func (d *digester) ResetSlot() {
	if d.Hash != nil {
		d.Reset()
	}
}

// BenchmarkSessionHash runs a filter that hashes a body of 1 MiB.
func BenchmarkSessionHash(b *testing.B) {
	r := framework.NewRouter()
	sum := framework.PerMessage[digester](r)
	r.ObserveBody(func(s *framework.Session, c *framework.Body) error {
		d := sum.Get(s)
		if d.Hash == nil {
			d.Hash = sha256.New()
		}
		_, err := d.Write(c.Chunk())
		return err
	})
	benchmark(b, r, everything(20, mebibyte), mebibyte)
}

// BenchmarkSessionReplace runs a filter that replaces a body of 1 MiB.
func BenchmarkSessionReplace(b *testing.B) {
	r := framework.NewRouter()
	replace, text := r.GrantReplaceBody(), bytes.Repeat([]byte("0123456789abcd\r\n"), mebibyte/16)
	r.OnEndOfMessage(func(s *framework.Session, _ *framework.EndOfMessage) (framework.Verdict, error) {
		return framework.Continue, replace.Replace(s, text)
	})
	benchmark(b, r, everything(20, mebibyte), mebibyte)
}

func benchmark(b *testing.B, r *framework.Router, script []byte, size int64) {
	b.Helper()
	loop := newLoop(b, r, script)
	b.SetBytes(size)
	b.ReportAllocs()
	for b.Loop() {
		loop.message()
	}
}
