package trial_test

import (
	"testing"

	"github.com/stretchr/testify/assert"

	"github.com/sluicemail/sluice/examples/sluiced/internal/trial"
	"github.com/sluicemail/sluice/framework"
	"github.com/sluicemail/sluice/wire/mta"
)

// decision is what a filter decides, and what the MTA then does.
type decision struct {
	filter register
	action trial.Action
	stage  mta.Stage
	reply  string
	// refused are the recipients that the filter refuses.
	refused []string
}

// decisions returns filters that give each verdict, and at each stage.
func decisions() map[string]decision {
	no := framework.MustReply(550, "5.7.26", "no", "really no")
	bare := framework.MustReply(452, "", "9.9.9 later")
	all := map[string]decision{
		"nothing": {at(framework.StageEndOfMessage, framework.Continue, nil), trial.Accept, mta.StageEndOfMessage, "", nil},
		"accept":  {at(framework.StageEndOfMessage, framework.Accept, nil), trial.Accept, mta.StageEndOfMessage, "", nil},
		"accept the session": {
			at(framework.StageConnect, framework.Accept, nil), trial.Accept, mta.StageConnect, "", nil,
		},
		"skip": {at(framework.StageBody, framework.SkipBody, nil), trial.Accept, mta.StageEndOfMessage, "", nil},
		"tempfail": {
			at(framework.StageEndOfMessage, framework.TempFail, nil), trial.TempFail, mta.StageEndOfMessage,
			"451 4.7.1 Service unavailable - try again later", nil,
		},
		"reply": {at(framework.StageEndOfMessage, no, nil), trial.Reject, mta.StageEndOfMessage, "550 5.7.26 no / really no", nil},
		"reply without a status": {
			at(framework.StageEndOfHeaders, bare, nil), trial.TempFail, mta.StageEndOfHeaders, "452 4.0.0 9.9.9 later", nil,
		},
		"shutdown": {
			at(framework.StageMail, framework.MustReply(421, "4.7.0", "go away"), nil), trial.TempFail, mta.StageMail, "421 4.7.0 go away", nil,
		},
		"error":   {at(framework.StageEndOfMessage, framework.Continue, errBroken), trial.TempFail, mta.StageEndOfMessage, "451 4.3.0 mail filter failed, try again later", nil},
		"discard": {at(framework.StageEndOfMessage, framework.Discard, nil), trial.Discard, mta.StageEndOfMessage, "", nil},
		"discard early": {
			at(framework.StageMail, framework.Discard, nil), trial.Discard, mta.StageMail, "", nil,
		},
		"quarantine": {
			edit(func(s *framework.Session, g *grants) error { return g.hold.Quarantine(s, "odd") }),
			trial.Quarantine, mta.StageEndOfMessage, "", nil,
		},
		"quarantine and discard": {
			func(r *framework.Router) {
				hold := r.GrantQuarantine()
				atEnd(func(s *framework.Session) (framework.Verdict, error) {
					return framework.Discard, hold.Quarantine(s, "odd")
				})(r)
			},
			trial.Discard, mta.StageEndOfMessage, "", nil,
		},
		"one recipient": {refuseTo("cy@example.net", no), trial.Accept, mta.StageEndOfMessage, "", []string{"cy@example.net: 550 5.7.26 no / really no"}},
		"all recipients": {
			at(framework.StageRcpt, no, nil), trial.Reject, mta.StageRcpt, "550 5.7.26 no / really no",
			[]string{"bob@example.net: 550 5.7.26 no / really no", "cy@example.net: 550 5.7.26 no / really no"},
		},
	}
	for stage, name := range map[framework.Stage]mta.Stage{
		framework.StageConnect: mta.StageConnect, framework.StageHelo: mta.StageHelo, framework.StageMail: mta.StageMail,
		framework.StageData: mta.StageData, framework.StageHeader: mta.StageHeader, framework.StageEndOfHeaders: mta.StageEndOfHeaders,
		framework.StageBody: mta.StageBody, framework.StageEndOfMessage: mta.StageEndOfMessage,
	} {
		all["reject at "+string(name)] = decision{at(stage, framework.Reject, nil), trial.Reject, name, "550 5.7.1 Command rejected", nil}
	}
	return all
}

// TestDecisions runs a message through filters with all verdicts.
func TestDecisions(t *testing.T) {
	t.Parallel()
	for name, d := range decisions() {
		for _, flavor := range flavors {
			t.Run(name+", "+flavor.String(), func(t *testing.T) {
				t.Parallel()
				result := run(t, d.filter, flavor, text)
				assert.Equal(t, d.action, result.Action)
				assert.Equal(t, d.stage, result.Stage)
				assert.Equal(t, d.reply, result.Reply.String())
				assert.Equal(t, d.refused, refusals(result))
				assert.True(t, result.Edits.None())
				checkDelivery(t, result)
			})
		}
	}
}

func refusals(r *trial.Result) (list []string) {
	for _, refused := range r.Refused {
		list = append(list, refused.Recipient+": "+refused.Reply.String())
	}
	return list
}

// checkDelivery checks that a result has a message if, and only if, it is delivered or held.
func checkDelivery(t *testing.T, r *trial.Result) {
	t.Helper()
	if r.Action != trial.Accept && r.Action != trial.Quarantine {
		assert.Empty(t, r.Header)
		assert.Empty(t, r.Body)
		assert.Empty(t, r.Recipients)
		return
	}
	assert.Len(t, r.Header, 5)
	assert.Equal(t, "How are you?\r\n", string(r.Body))
	assert.Equal(t, "ann@example.org", r.Sender)
	assert.Len(t, r.Recipients, 2-len(r.Refused))
	if r.Action == trial.Quarantine {
		assert.Equal(t, "odd", r.Quarantine)
	}
}

// TestReply reads the lines that clients get.
func TestReply(t *testing.T) {
	t.Parallel()
	result := run(t, at(framework.StageEndOfMessage, framework.MustReply(554, "5.7.1", "one", "", "5.7.1 three"), nil), mta.Postfix, text)
	assert.Equal(t, trial.Reply{Code: 554, Status: "5.7.1", Text: "one\n\n5.7.1 three"}, result.Reply)
	assert.Empty(t, trial.Reply{}.String())
	assert.Equal(t, "250 ok", trial.Reply{Code: 250, Text: "ok"}.String())
}
