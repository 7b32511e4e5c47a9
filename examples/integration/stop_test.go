//go:build integration

package integration_test

import (
	"path/filepath"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/sluicemail/sluice/framework/miltertest/realmta"
)

// TestStop stops a filter in the middle of messages. A message that ends within
// the drain timeout is finished with the filter. Others are deferred until the
// filter is back. No message is lost or passes unfiltered.
func TestStop(t *testing.T) {
	t.Parallel()
	mta := realmta.StartPostfix(t, realmta.PostfixConfig{})
	listen := "unix:" + filepath.Join(mta.SocketDir(), "stop.sock") + "?mode=0666"
	begin := func(t *testing.T) *process {
		t.Helper()
		return start(t, "addheaderip", listen)
	}
	mta.SetMilters(t, "unix:milter/stop.sock")

	t.Run("in the middle of a message", func(t *testing.T) {
		filter := begin(t)
		c, idle := dial(t, mta), dial(t, mta)
		say(t, c, "MAIL FROM:<ann@example.org>", "RCPT TO:<begun@example.test>")
		filter.terminate(t)

		code, text := c.Data(hello("").Data)
		require.Equal(t, 250, code, text)
		require.NoError(t, filter.Wait(t), "it drains and ends well")
		got := mta.Sink().Await(t, realmta.ToRecipient("begun@example.test"))
		assert.Equal(t, from+added+"\r\nhello\r\n", string(got.WithoutTrace()))

		for name, c := range map[string]*realmta.Client{"the same": c, "an idle": idle, "a new": dial(t, mta)} {
			code, text = c.Deliver(hello("gone@example.test"))
			assert.Equal(t, 451, code, "%s connection: %s", name, text)
		}
	})
	t.Run("back again", func(t *testing.T) {
		begin(t)
		code, text := dial(t, mta).Deliver(hello("back@example.test"))
		require.Equal(t, 250, code, text)
		got := mta.Sink().Await(t, realmta.ToRecipient("back@example.test"))
		assert.Equal(t, from+added+"\r\nhello\r\n", string(got.WithoutTrace()))
	})
	t.Run("in the middle of a message that is long in coming", func(t *testing.T) {
		filter := begin(t)
		c := dial(t, mta)
		say(t, c, "MAIL FROM:<ann@example.org>", "RCPT TO:<slow@example.test>")
		filter.terminate(t)
		// Postfix delays commands to which it expects no reply. So this
		// filter does not know of the message yet, and its connection
		// is idle.
		require.NoError(t, filter.Wait(t))
		code, text := c.Data(hello("").Data)
		assert.Equal(t, 451, code, text)
	})
	t.Run("at once", func(t *testing.T) {
		filter := begin(t)
		c := dial(t, mta)
		say(t, c, "MAIL FROM:<ann@example.org>", "RCPT TO:<cut@example.test>")
		code, text := c.Cmd("DATA")
		require.Equal(t, 354, code, text)
		filter.terminate(t)
		filter.Signal(t, syscall.SIGTERM)
		require.NoError(t, filter.Wait(t), "a second signal does not wait")
		require.NoError(t, c.Send([]byte(from+"\r\nhello\r\n.\r\n")))
		code, text = c.Reply()
		assert.Equal(t, 451, code, text)
	})
	mta.Sink().StaysEmpty(t, realmta.ToRecipient("gone@example.test"), 200*time.Millisecond)
	for _, to := range []string{"slow@example.test", "cut@example.test"} {
		mta.Sink().StaysEmpty(t, realmta.ToRecipient(to), time.Millisecond)
	}
}
