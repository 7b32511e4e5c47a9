package ledger_test

import (
	"fmt"
	"testing"

	"github.com/sluicemail/sluice/framework/internal/ledger"
)

// BenchmarkAppend measures the most common edit: one field is added and none is
// read.
func BenchmarkAppend(b *testing.B) {
	b.ReportAllocs()
	var l ledger.Ledger
	var out []byte
	for b.Loop() {
		l.Append("X-Seen", "yes")
		out, _ = l.Script(out[:0], ledger.Postfix)
		l.Reset()
	}
}

// BenchmarkShown measures a header of 20 fields, of which one is changed and
// one is deleted.
func BenchmarkShown(b *testing.B) {
	b.ReportAllocs()
	var l ledger.Ledger
	var out []byte
	name, value := []byte("X-Some-Header"), []byte("a value of a usual length, more or less")
	for b.Loop() {
		for range 20 {
			l.Show(name, value)
		}
		l.Change(l.Nth("X-Some-Header", 3), "new")
		l.Delete(l.Nth("X-Some-Header", 7))
		out, _ = l.Script(out[:0], ledger.Postfix)
		l.Reset()
	}
}

// BenchmarkHostile deletes every field of a header of the maximum size.
func BenchmarkHostile(b *testing.B) {
	b.ReportAllocs()
	var l ledger.Ledger
	var out []byte
	for b.Loop() {
		for range 10_000 {
			l.Delete(l.Show([]byte("X-Spam"), []byte("x")))
		}
		out, _ = l.Script(out[:0], ledger.Postfix)
		l.Reset()
	}
}

// BenchmarkManyEdits changes every field of a large header and inserts a field
// below each.
func BenchmarkManyEdits(b *testing.B) {
	for _, n := range []int{100, 2500} {
		for _, mta := range []ledger.MTA{ledger.Postfix, ledger.Sendmail} {
			b.Run(fmt.Sprintf("%d fields, MTA %d", n, mta), func(b *testing.B) {
				b.ReportAllocs()
				var l ledger.Ledger
				var out []byte
				for b.Loop() {
					for range n {
						l.Change(l.Show([]byte("X-Field"), []byte("x")), "y")
					}
					for i := range n {
						l.Insert(2*i+1, "X-New", "z")
					}
					out, _ = l.Script(out[:0], mta)
					l.Reset()
				}
			})
		}
	}
}
