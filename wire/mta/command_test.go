package mta_test

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/sluicemail/sluice/wire"
	"github.com/sluicemail/sluice/wire/mta"
)

// Command sends what the methods of the stages send, and nothing that the filter declined.
func TestCommand(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		protocol wire.Protocol
		sent     string
	}{
		"sent":     {0, "OM"},
		"declined": {wire.ProtoNoMail, "O"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			f := &filter{protocol: c.protocol}
			conn := f.dial(t, mta.Config{})
			require.NoError(t, conn.Negotiate(t.Context()))
			resp, err := conn.Command(t.Context(), &wire.Mail{Sender: []byte("<a@example.org>")})
			require.NoError(t, err)
			assert.Equal(t, wire.RepContinue, resp.Code)
			require.NoError(t, conn.Flush(t.Context()))
			f.quit(t, conn)
			assert.Contains(t, letters(f.commands()), c.sent)
		})
	}
}

// SendEvents returns what came until the client left.
func TestSendEvents(t *testing.T) {
	t.Parallel()
	f := &filter{}
	conn := f.dial(t, mta.Config{})
	out, ended, err := conn.SendEvents(t.Context(), letter(), 2)
	require.NoError(t, err)
	assert.False(t, ended)
	assert.Len(t, out.Accepted, 1)
	assert.Nil(t, out.Edited)
	out, ended, err = conn.SendEvents(t.Context(), letter(), 100)
	require.NoError(t, err)
	assert.True(t, ended)
	assert.NotNil(t, out.Edited)
	f.quit(t, conn)
}

// Apply does what the MTA with its quirks does.
func TestConfigApply(t *testing.T) {
	t.Parallel()
	mods := []wire.Reply{&wire.Quarantine{Reason: "held"}}
	plain, lost, err := mta.Config{Flavor: mta.Plain}.Apply(letter(), mods, 0)
	require.NoError(t, err)
	assert.False(t, lost)
	quirk, _, err := mta.Config{Flavor: mta.Plain, Quirks: mta.QuirkSet(mta.QuarantineField)}.Apply(letter(), mods, 0)
	require.NoError(t, err)
	assert.Len(t, quirk.Header, len(plain.Header)+1)
	_, _, err = mta.Config{}.Apply(letter(), []wire.Reply{&wire.BareReply{Code: wire.RepAccept}}, 0)
	require.Error(t, err)

	mods = nil
	for range 10_001 {
		mods = append(mods, &wire.InsertHeader{Name: "X", Value: "1"})
	}
	_, lost, err = mta.Config{}.Apply(letter(), mods, 0)
	require.NoError(t, err)
	assert.True(t, lost)
}
