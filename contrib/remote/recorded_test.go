package remote_test

import (
	"bytes"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/sluicemail/sluice/contrib/remote"
	"github.com/sluicemail/sluice/framework"
	"github.com/sluicemail/sluice/framework/inspect/record"
	"github.com/sluicemail/sluice/framework/miltertest"
)

// lastRecord is a Recorder that keeps the last recording.
type lastRecord []byte

// RecordLimits implements framework.Recorder.
func (*lastRecord) RecordLimits() framework.RecordLimits {
	return framework.RecordLimits{Bytes: 1 << 20}
}

// Record implements framework.Recorder.
func (r *lastRecord) Record(rec *framework.Recording) { *r = bytes.Clone(rec.Bytes) }

// A recording of a message says which milter answered what.
func TestRecorded(t *testing.T) {
	t.Parallel()
	addr := "unix:" + filepath.Join(t.TempDir(), "s")
	serveAt(t, addr, miltertest.FilterFunc("refuses", func(r *framework.Router) error {
		r.OnMail(func(*framework.Session, *framework.Mail) (framework.Verdict, error) { return framework.Continue, nil })
		r.OnEndOfMessage(func(*framework.Session, *framework.EndOfMessage) (framework.Verdict, error) {
			return framework.Reject, nil
		})
		return nil
	}))
	var rec lastRecord
	miltertest.Run(t, lane(t, remote.Config{}, addr), miltertest.Message("A: b\n\nc\n"),
		miltertest.Configure(func(cfg *framework.Config) { cfg.Recorder = &rec }))
	m, err := record.Decode(rec)
	require.NoError(t, err)
	var said []string
	for _, n := range m.Notes {
		assert.Equal(t, "milter", n.Kind)
		assert.Empty(t, n.Error)
		said = append(said, n.Text)
	}
	text := strings.Join(said, "\n")
	assert.Contains(t, text, "SMFIC_MAIL to "+addr+": SMFIR_CONTINUE")
	assert.Contains(t, text, "SMFIC_BODYEOB to "+addr+": SMFIR_REJECT")
}
