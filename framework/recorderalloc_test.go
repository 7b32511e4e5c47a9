package framework_test

import (
	"testing"

	"github.com/stretchr/testify/assert"

	"github.com/sluicemail/sluice/framework"
)

// drain is a Recorder that takes recordings and keeps none.
type drain struct{ bytes int }

// RecordLimits implements framework.Recorder.
func (*drain) RecordLimits() framework.RecordLimits {
	return framework.RecordLimits{Bytes: 1 << 20, Header: true, Body: true}
}

// Record implements framework.Recorder.
func (d *drain) Record(r *framework.Recording) { d.bytes = len(r.Bytes) }

// Recording a message allocates at most once: the identifier of its SMTP session, which
// the session otherwise makes at its first log line.
//
//nolint:paralleltest // memory is counted for the whole process
func TestAllocsOfRecording(t *testing.T) {
	for name, r := range map[string]func() *framework.Router{"reads and adds a field": headerFilter, "keeps all": keepsAll} {
		plain := testing.AllocsPerRun(100, newLoop(t, r(), everything(20, 2048)).message)
		to := new(drain)
		recorded := testing.AllocsPerRun(100, newRecordedLoop(t, r(), everything(20, 2048), to).message)
		assert.LessOrEqual(t, recorded, plain+1+poolLosses(), name)
		assert.Greater(t, to.bytes, 2048, name)
	}
}

// BenchmarkSessionRecorded is BenchmarkSessionHeader with a Recorder that keeps nothing: the
// difference is what a session does to record.
func BenchmarkSessionRecorded(b *testing.B) {
	loop := newRecordedLoop(b, headerFilter(), everything(20, 2048), new(drain))
	b.ReportAllocs()
	for b.Loop() {
		loop.message()
	}
}
