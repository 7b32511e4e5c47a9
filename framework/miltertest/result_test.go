package miltertest_test

import (
	"testing"

	"github.com/stretchr/testify/assert"

	"github.com/sluicemail/sluice/framework"
	"github.com/sluicemail/sluice/framework/miltertest"
	"github.com/sluicemail/sluice/wire"
	"github.com/sluicemail/sluice/wire/mta"
)

func TestRunModifies(t *testing.T) {
	t.Parallel()
	msg := miltertest.Message(plain, miltertest.From("ann@example.org"), miltertest.To("bob@example.net", "cy@example.net"))
	res := miltertest.Run(t, editor(), msg)
	res.AssertAccepted(t)
	assert.True(t, res.Delivered())
	assert.Equal(t, "hello", res.Header("subject"))
	assert.Equal(t, []string{"yes", "twice"}, res.HeaderValues("X-Seen"))
	assert.Equal(t, "yes", res.Header("x-seen"))
	assert.Empty(t, res.Header("X-Other"))
	assert.Equal(t, "Fine.\r\n", res.Body())
	assert.Equal(t, "boss@example.org", res.Sender())
	assert.Equal(t, []string{"cy@example.net", "archive@example.net"}, res.Recipients())
	assert.Len(t, res.Modifications, 6)
	assert.Empty(t, res.Reply())
	assert.Equal(t, msg, res.Message)
	assert.Equal(t, "How are you?\r\n", string(msg.Body), "the message that was sent stays as it was")
	assert.True(t, res.Negotiated.Actions.Has(wire.ActionAddHdrs|wire.ActionChgBody))
	assert.NotEmpty(t, res.Steps)
}

func TestRunRefuses(t *testing.T) {
	t.Parallel()
	res := miltertest.Run(t, deciding(framework.MustReply(550, "5.7.1", "no", "never")), miltertest.Message(plain))
	assert.False(t, res.Delivered())
	assert.Equal(t, "550-5.7.1 no\n550 5.7.1 never", res.Reply())
	assert.Empty(t, res.Header("Subject"))
	assert.Empty(t, res.Body())
	assert.Empty(t, res.Sender())
	assert.Empty(t, res.Recipients())
}

func TestRunReturnsAfterTheSession(t *testing.T) {
	t.Parallel()
	closed := false
	filter := miltertest.FilterFunc("closer", func(r *framework.Router) error {
		r.ObserveClose(func(s *session, _ *framework.Close) error {
			closed = true
			s.Logger().Info("closing")
			return nil
		})
		return nil
	})
	res := miltertest.Run(t, filter, miltertest.Message(plain))
	assert.True(t, closed)
	_, logged := res.Logs.Find("closing")
	assert.True(t, logged)
	assert.Contains(t, res.Transcript, "MTA SMFIC_QUIT")
}

func TestAssertions(t *testing.T) {
	t.Parallel()
	quarantining := miltertest.FilterFunc("q", func(r *framework.Router) error {
		hold := r.GrantQuarantine()
		r.OnEndOfMessage(func(s *session, _ *endOfMessage) (framework.Verdict, error) {
			return framework.Continue, hold.Quarantine(s, "odd")
		})
		return nil
	})
	rcptRefuser := miltertest.FilterFunc("r", func(r *framework.Router) error {
		r.OnRcpt(func(*session, *framework.Rcpt) (framework.Verdict, error) { return framework.Reject, nil })
		return nil
	})
	fates := map[string]struct {
		filter framework.Filter
		opts   []miltertest.MessageOption
		words  string
		holds  []string
	}{
		"continue":    {quiet(), nil, "it was accepted", []string{"Accepted", "Unmodified"}},
		"accept":      {deciding(framework.Accept), nil, "it was accepted", []string{"Accepted", "Unmodified"}},
		"edit":        {editor(), nil, "it was accepted", []string{"Accepted"}},
		"quarantine":  {quarantining, nil, "it was quarantined: odd", []string{"Accepted", "Quarantined"}},
		"reject":      {deciding(framework.Reject), nil, "it was refused: 550 5.7.1", []string{"Rejected"}},
		"reject rcpt": {rcptRefuser, nil, "it was refused: 550 5.7.1", []string{"Rejected"}},
		"tempfail":    {deciding(framework.TempFail), nil, "it was refused: 451 4.7.1", []string{"TempFailed"}},
		"451":         {deciding(framework.MustReply(451, "", "later")), nil, "it was refused: 451 later", []string{"TempFailed"}},
		"554":         {deciding(framework.MustReply(554, "", "no")), nil, "it was refused: 554 no", []string{"Rejected"}},
		"discard":     {deciding(framework.Discard), nil, "it was discarded", []string{"Discarded"}},
		"no recipient": {
			quiet(),
			[]miltertest.MessageOption{miltertest.ToRefused("a@example.net", "550 5.1.1 who?")},
			"the MTA itself refused all recipients", nil,
		},
	}
	asserts := map[string]func(*miltertest.Result, miltertest.T) bool{
		"Accepted":    (*miltertest.Result).AssertAccepted,
		"Unmodified":  (*miltertest.Result).AssertUnmodified,
		"Rejected":    (*miltertest.Result).AssertRejected,
		"TempFailed":  (*miltertest.Result).AssertTempFailed,
		"Discarded":   (*miltertest.Result).AssertDiscarded,
		"Quarantined": func(r *miltertest.Result, t miltertest.T) bool { return r.AssertQuarantined(t, "odd") },
	}
	for fate, f := range fates {
		res := miltertest.Run(t, f.filter, miltertest.Message(plain, f.opts...))
		for name, holds := range asserts {
			t.Run(fate+", "+name, func(t *testing.T) {
				t.Parallel()
				var ok bool
				out, ft := trial(func(t *fakeT) { ok = holds(res, t) })
				want := false
				for _, h := range f.holds {
					want = want || h == name
				}
				assert.Equal(t, want, ok)
				assert.Equal(t, !want, ft.failed)
				assert.False(t, ft.ended, "an assertion lets the test go on")
				if !want && (name != "Unmodified" || fate != "edit" && fate != "quarantine") {
					assert.Contains(t, out, f.words, "the failure says what became of the message")
				}
			})
		}
	}
	held := miltertest.Run(t, quarantining, miltertest.Message(plain))
	out, _ := trial(func(t *fakeT) { held.AssertQuarantined(t, "other") })
	assert.Contains(t, out, `"odd"`)
}

func TestRefusedAt(t *testing.T) {
	t.Parallel()
	no := framework.Reject
	refusers := map[mta.Stage]func(r *framework.Router){
		"": func(r *framework.Router) {
			r.OnRcpt(func(_ *session, rcpt *framework.Rcpt) (framework.Verdict, error) {
				if rcpt.Recipient() == "b@example.net" {
					return no, nil
				}
				return framework.Continue, nil
			})
		},
		mta.StageConnect: func(r *framework.Router) {
			r.OnConnect(func(*session, *framework.Connect) (framework.Verdict, error) { return no, nil })
		},
		mta.StageMail: func(r *framework.Router) {
			r.OnMail(func(*session, *framework.Mail) (framework.Verdict, error) { return no, nil })
		},
		mta.StageRcpt: func(r *framework.Router) {
			r.OnRcpt(func(*session, *framework.Rcpt) (framework.Verdict, error) { return no, nil })
		},
		mta.StageHeader: func(r *framework.Router) {
			r.OnHeader(func(*session, *framework.Header) (framework.Verdict, error) { return no, nil })
		},
		mta.StageEndOfMessage: func(r *framework.Router) {
			r.OnEndOfMessage(func(*session, *endOfMessage) (framework.Verdict, error) { return no, nil })
		},
	}
	for stage, register := range refusers {
		t.Run("at "+string(stage), func(t *testing.T) {
			t.Parallel()
			filter := miltertest.FilterFunc("refuser", func(r *framework.Router) error {
				register(r)
				return nil
			})
			conn := miltertest.NewServer(t, filter).Dial(t)
			for range 2 {
				res := conn.Run(t, miltertest.Message(plain, miltertest.To("a@example.net", "b@example.net")))
				assert.Equal(t, stage, res.RefusedAt())
				assert.Equal(t, stage == "", res.Delivered())
			}
		})
	}
}

func TestHeaderKeepsItsFolds(t *testing.T) {
	t.Parallel()
	res := miltertest.Run(t, quiet(), miltertest.Message("Subject: one\r\n\ttwo\r\n three\r\n\r\n"))
	assert.Equal(t, "one\n\ttwo\n three", res.Header("subject"))
}
