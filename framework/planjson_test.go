package framework_test

import (
	"encoding/json"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/sluicemail/sluice/framework"
)

func TestPlanJSON(t *testing.T) {
	t.Parallel()
	r := framework.NewRouter()
	r.GrantAddHeader()
	r.GrantQuarantine(framework.Optional())
	r.WantMacro(framework.StageEndOfMessage, "i")
	r.OnMail(func(*framework.Session, *framework.Mail) (framework.Verdict, error) { return framework.Continue, nil })
	plan, err := r.Plan()
	require.NoError(t, err)

	text, err := json.Marshal(plan)
	require.NoError(t, err)
	var got struct {
		Filters, Actions, Optional, Protocol []string
		Macros                               map[string][]string
		Reasons                              []framework.Reason
	}
	require.NoError(t, json.Unmarshal(text, &got))
	assert.Equal(t, []string{"main"}, got.Filters)
	assert.Equal(t, []string{"SMFIF_ADDHDRS"}, got.Actions)
	assert.Equal(t, []string{"SMFIF_QUARANTINE", "SMFIF_SETSYMLIST"}, got.Optional)
	assert.Contains(t, got.Protocol, "SMFIP_NORCPT")
	assert.NotContains(t, got.Protocol, "SMFIP_NOMAIL")
	assert.Equal(t, map[string][]string{"SMFIM_CONNECT": {"t", "v"}, "SMFIM_EOM": {"i"}, "SMFIM_EOH": {}}, got.Macros)
	assert.Equal(t, plan.Reasons, got.Reasons)
}

func TestPlanJSONOfNothing(t *testing.T) {
	t.Parallel()
	plan, err := framework.NewRouter().Plan()
	require.NoError(t, err)
	text, err := json.Marshal(plan)
	require.NoError(t, err)
	assert.NotContains(t, string(text), "null")
}
