package framework_test

import (
	"crypto/sha256"
	"hash"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/sluicemail/sluice/framework"
	"github.com/sluicemail/sluice/framework/miltertest"
	"github.com/sluicemail/sluice/wire"
	"github.com/sluicemail/sluice/wire/mta"
)

// list reuses its memory, and records when it is reset.
type list struct {
	items  []string
	resets int
}

func (l *list) ResetSlot() { l.items, l.resets = l.items[:0], l.resets+1 }

// The state of a message is new in the next message, and the state of a
// connection is new in the next SMTP session, however the previous one ended.
func TestSlots(t *testing.T) {
	t.Parallel()
	var inMessage, inSession, resets []int
	srv := miltertest.NewServer(t, miltertest.FilterFunc("f", func(r *framework.Router) error {
		message, session := framework.PerMessage[int](r), framework.PerConnection[int](r)
		lists := framework.PerMessage[list](r)
		r.ObserveMail(func(s *framework.Session, _ *framework.Mail) error {
			*message.Get(s)++
			*session.Get(s)++
			l := lists.Get(s)
			assert.Empty(t, l.items)
			l.items = append(l.items, "x")
			return nil
		})
		r.OnRcpt(func(s *framework.Session, _ *framework.Rcpt) (framework.Verdict, error) {
			inMessage = append(inMessage, *message.Get(s))
			inSession = append(inSession, *session.Get(s))
			resets = append(resets, lists.Get(s).resets)
			return framework.Continue, nil
		})
		return nil
	}))
	conn := srv.Dial(t)
	begin := func() {
		_, err := conn.Mail(t.Context(), "<a@x>")
		require.NoError(t, err)
		_, err = conn.Rcpt(t.Context(), "<b@x>")
		require.NoError(t, err)
	}
	begin()
	begin() // without ending the previous message
	require.NoError(t, conn.Abort())
	begin()
	_, _, err := conn.EndOfMessage(t.Context(), nil)
	require.NoError(t, err)
	begin()
	require.NoError(t, conn.QuitNC())
	begin()
	assert.Equal(t, []int{1, 1, 1, 1, 1}, inMessage)
	assert.Equal(t, []int{1, 2, 3, 4, 1}, inSession)
	assert.IsIncreasing(t, resets, "Reset is called in place of zeroing")
}

// fragile panics in ResetSlot while it has no hash.
type fragile struct{ hash.Hash }

func (f *fragile) ResetSlot() { f.Reset() }

// A state that has a method Reset by an embedded field alone is zeroed.
func TestEmbeddedResetIsNotCalled(t *testing.T) {
	t.Parallel()
	type digest struct{ hash.Hash }
	var fresh []bool
	srv := miltertest.NewServer(t, miltertest.FilterFunc("f", func(r *framework.Router) error {
		state := framework.PerMessage[digest](r)
		r.OnMail(func(s *framework.Session, _ *framework.Mail) (framework.Verdict, error) {
			d := state.Get(s)
			fresh = append(fresh, d.Hash == nil)
			d.Hash = sha256.New()
			return framework.Continue, nil
		})
		return nil
	}))
	conn := srv.Dial(t)
	for range 2 {
		conn.Run(t, miltertest.Message(hello)).AssertAccepted(t)
	}
	assert.Equal(t, []bool{true, true}, fresh)
}

// If the ResetSlot method of a state panics, for example because of a nil interface,
// the next message gets a new state and the connection continues.
func TestResetPanics(t *testing.T) {
	t.Parallel()
	var fresh []bool
	srv := miltertest.NewServer(t, miltertest.FilterFunc("f", func(r *framework.Router) error {
		state := framework.PerMessage[fragile](r)
		r.OnRcpt(func(s *framework.Session, e *framework.Rcpt) (framework.Verdict, error) {
			d := state.Get(s)
			fresh = append(fresh, d.Hash == nil)
			if e.Recipient() == "set@x" {
				d.Hash = sha256.New()
			}
			return framework.Continue, nil
		})
		return nil
	}))
	conn := srv.Dial(t)
	for _, rcpt := range []string{"<unset@x>", "<set@x>", "<unset@x>", "<unset@x>"} {
		_, err := conn.Mail(t.Context(), "<a@x>")
		require.NoError(t, err)
		_, err = conn.Rcpt(t.Context(), rcpt)
		require.NoError(t, err)
		resp, _, err := conn.EndOfMessage(t.Context(), nil)
		require.NoError(t, err)
		assert.False(t, resp.Refuses())
	}
	assert.Equal(t, []bool{true, true, false, false}, fresh, "a hash that is set is reset, and kept")
	_, found := srv.Logs().Find("Reset of a state panicked")
	assert.True(t, found)
}

// A macro has the value from the stage at which it was requested, or else from
// the latest stage that has one.
func TestMacroValue(t *testing.T) {
	t.Parallel()
	var got []string
	var missing bool
	filter := miltertest.FilterFunc("f", func(r *framework.Router) error {
		mail, end := r.WantMacro(framework.StageMail, "{tag}"), r.WantMacro(framework.StageEndOfMessage, "tag")
		helo, nowhere := r.WantMacro(framework.StageHelo, "late"), r.WantMacro(framework.StageData, "nowhere")
		assert.Equal(t, "tag", mail.Name())
		r.OnEndOfMessage(func(s *framework.Session, _ *framework.EndOfMessage) (framework.Verdict, error) {
			got = nil
			for _, m := range []framework.Macro{mail, end, helo} {
				v, ok := m.Value(s)
				assert.True(t, ok)
				got = append(got, v)
			}
			_, missing = nowhere.Value(s)
			return framework.Continue, nil
		})
		return nil
	})
	msg := miltertest.Message(hello,
		miltertest.Macro(framework.StageMail, "tag", "first"), miltertest.Macro(framework.StageEndOfMessage, "tag", "last"),
		miltertest.Macro(framework.StageEndOfMessage, "late", "found"))
	without := mta.PostfixOffer(6)
	without.Actions &^= wire.ActionSetSymList
	miltertest.Run(t, filter, msg, miltertest.MTA(mta.Config{Offer: without})).AssertAccepted(t)
	assert.Equal(t, []string{"first", "last", "found"}, got)
	assert.False(t, missing)
}
