//go:build integration

package realmta_test

import (
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"

	"github.com/sluicemail/sluice/framework/miltertest/realmta"
	"github.com/sluicemail/sluice/wire"
)

// TestProveJumps shows how many edits Postfix accepts. It writes each edit into
// its queue file as a jump to the end and back, and refuses to read a file with
// more than 10,000 backward jumps. The count includes every jump on the way to
// a field, for all edits of one message.
func TestProveJumps(t *testing.T) {
	t.Parallel()
	mta := realmta.StartPostfix(t, realmta.PostfixConfig{})
	send := func(to string, fields int, edits ...wire.Reply) (code int, text string) {
		milter{actions: wire.ActionAddHdrs | wire.ActionChgHdrs, answer: atEOM(edits...)}.start(t, mta)
		m := withEnvelope(realmta.Message{Data: []byte(strings.Repeat("A: b\r\n", fields) + "\r\n")}, to)
		return dial(t, mta.Addr()).Deliver(m)
	}
	many := func(n int, edit func(i int) wire.Reply) (list []wire.Reply) {
		for i := range n {
			list = append(list, edit(i+1))
		}
		return list
	}
	t.Run("taken from the client, and lost", func(t *testing.T) {
		code, text := send("lost", 1, many(10_100, func(int) wire.Reply { return insert(1, "X", "y") })...)
		assert.Equal(t, 250, code, text)
		mta.AwaitLog(t, "too many reverse jump records")
		mta.AwaitLog(t, `from queue "active" to queue "corrupt"`)
		mta.Sink().StaysEmpty(t, realmta.ToRecipient("lost@example.test"), time.Second)
	})
	const fields = 200
	t.Run("from the first to the last", func(t *testing.T) {
		code, text := send("refused", fields, many(fields, func(i int) wire.Reply { return change(uint32(i), "A", "new") })...)
		assert.Equal(t, 451, code, text)
		assert.Contains(t, text, "queue file write error")
	})
	t.Run("from the last to the first", func(t *testing.T) {
		code, text := send("taken", fields, many(fields, func(i int) wire.Reply { return change(uint32(fields+1-i), "A", "new") })...)
		assert.Equal(t, 250, code, text)
		got := mta.Sink().Await(t, realmta.ToRecipient("taken@example.test"))
		assert.Equal(t, strings.Repeat("A: new\r\n", fields)+"\r\n", string(got.WithoutTrace()))
	})
}
