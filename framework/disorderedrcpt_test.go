package framework_test

import (
	"log/slog"
	"testing"

	"github.com/stretchr/testify/assert"

	"github.com/sluicemail/sluice/framework"
	"github.com/sluicemail/sluice/framework/miltertest"
)

// The line about a refused message names the recipients that no filter refused. One that
// came out of order is not among them, and its refusal takes none of the others away.
func TestRecipientOutOfOrderIsNotNamed(t *testing.T) {
	t.Parallel()
	r := framework.NewRouter()
	r.OnMail(goesOn[*framework.Mail])
	r.OnRcpt(goesOn[*framework.Rcpt])
	r.OnHeader(goesOn[*framework.Header])
	r.OnEndOfMessage(goesOn[*framework.EndOfMessage])
	srv := miltertest.NewRouterServer(t, r)
	conn := srv.Dial(t)
	assert.Equal(t, "ccccccyyyy", talk(t, conn, "CHMRRLRRRE"))
	srv.Close(t)
	assert.Equal(t, uint64(1), srv.Stats().ProtocolErrors, "of one connection")
	lines := linesFrom(srv.Logs(), slog.LevelInfo)
	assert.Equal(t, "INFO message refused sender=<a@example.org> recipient=<b@example.net>, <b@example.net> recipients=2 "+
		"verdict=reply 451 4.3.0 mail filter failed, try again later code=451 filter=main stage=end of message", lines[len(lines)-1])
}
