package inspect_test

import (
	"testing"

	"github.com/sluicemail/sluice/framework/inspect"
)

// BenchmarkRecord puts the record of a short message into the ring. framework's
// BenchmarkSessionRecorded measures what the session does before.
func BenchmarkRecord(b *testing.B) {
	rec := recordingOf(b, short)
	for name, config := range map[string]inspect.Config{"whole": {}, "shortened": {Shorten: true}, "not kept": {Share: -1}} {
		b.Run(name, func(b *testing.B) {
			in := newInspector(b, config)
			b.ReportAllocs()
			b.SetBytes(int64(len(rec.Bytes)))
			b.RunParallel(func(pb *testing.PB) {
				for pb.Next() {
					in.Record(&rec)
				}
			})
		})
	}
}
