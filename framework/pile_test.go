package framework_test

import (
	"bytes"
	"net"
	"slices"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/sluicemail/sluice/framework"
	"github.com/sluicemail/sluice/framework/miltertest"
	"github.com/sluicemail/sluice/wire"
	"github.com/sluicemail/sluice/wire/mta"
)

// measured is a connection that records its largest write.
type measured struct {
	net.Conn

	most atomic.Int64
}

func (m *measured) Write(p []byte) (int, error) {
	m.most.Store(max(m.most.Load(), int64(len(p))))
	return m.Conn.Write(p)
}

// If an MTA sends many commands at once and each reply is long, it receives the
// first replies before the last ones exist: the buffered replies are bounded in
// bytes, not by the number of commands that a buffer holds.
func TestAnswersArePiledUpSoFar(t *testing.T) {
	t.Parallel()
	lines := slices.Repeat([]string{strings.Repeat("no", 200)}, 30)
	r := framework.NewRouter()
	r.OnUnknown(says[*framework.Unknown](framework.MustReply(550, "5.7.1", lines...)))
	srv := newServer(t, r, quiet())
	mtaEnd, filterEnd := miltertest.Pipe()
	conn := &measured{Conn: filterEnd}
	go srv.ServeConn(conn)
	peer := mta.NewConn(mtaEnd, mta.Config{})
	require.NoError(t, peer.Negotiate(t.Context()))
	const commands = 500
	_, err := mtaEnd.Write(bytes.Repeat(raw('U', "\x00"), commands))
	require.NoError(t, err)
	for range commands {
		reply, err := peer.ReadReply(t.Context())
		require.NoError(t, err)
		require.Equal(t, wire.RepReplyCode, reply.ReplyCode())
	}
	require.NoError(t, peer.Close())
	assert.Less(t, conn.most.Load(), int64(64<<10+30*512))
}
