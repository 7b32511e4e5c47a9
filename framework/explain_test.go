package framework_test

import (
	"flag"
	"os"
	"path/filepath"
	"regexp"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/sluicemail/sluice/framework"
	"github.com/sluicemail/sluice/framework/miltertest"
)

var update = flag.Bool("update", false, "write the golden files anew")

// TestExplain shows the table that explains a plan. It omits line numbers,
// which other tests check.
func TestExplain(t *testing.T) {
	t.Parallel()
	r := framework.NewRouter()
	r.WantMacro(framework.StageEndOfMessage, "i")
	r.OnMail(goesOn)
	r.ObserveHeader(watches)
	r.Mount(miltertest.FilterFunc("tagger", func(r *framework.Router) error {
		r.GrantChangeHeader()
		r.WantEnvelope()
		r.With(func(rt *framework.Route, next framework.Handler) framework.Handler {
			rt.WantMacro(framework.StageConnect, "client_connections")
			return next
		}).OnEndOfMessage(goesOn)
		return nil
	}))
	r.Mount(miltertest.FilterFunc("signer", func(r *framework.Router) error {
		r.GrantRenameHeader(framework.Optional())
		r.GrantQuarantine()
		r.WantRawHeaders()
		r.OnBody(goesOn)
		r.ObserveRejectedRcpt(watches)
		return nil
	}))
	plan, err := r.Plan()
	require.NoError(t, err)
	text := regexp.MustCompile(`explain_test\.go:\d+`).ReplaceAllString(plan.String(), "explain_test.go:00")

	path := filepath.Join("testdata", "explain.golden")
	if *update {
		require.NoError(t, os.WriteFile(path, []byte(text), 0o600))
	}
	want, err := os.ReadFile(path)
	require.NoError(t, err)
	assert.Equal(t, string(want), text)
}

// The table also gives the reason why something is not requested, and the lane
// that prevents it.
func TestReasonsOfALaterLane(t *testing.T) {
	t.Parallel()
	r := framework.NewRouter()
	r.Mount(miltertest.FilterFunc("first", func(r *framework.Router) error {
		r.GrantAddHeader()
		return nil
	}))
	var where string
	r.Mount(miltertest.FilterFunc("second", func(r *framework.Router) error {
		r.GrantChangeHeader()
		where = lineAbove(here())
		return nil
	}))
	plan, err := r.Plan()
	require.NoError(t, err)
	var reasons []framework.Reason
	for _, reason := range plan.Reasons {
		if reason.Bit == "SMFIP_NOHDRS" || reason.Bit == "SMFIP_NR_HDR" {
			reasons = append(reasons, reason)
		}
	}
	const cause = "GrantChangeHeader"
	assert.Equal(t, []framework.Reason{
		{Bit: "SMFIP_NOHDRS", Cause: cause, Filter: "second", Where: where},
		{Bit: "SMFIP_NR_HDR", Asked: true, Cause: cause, Filter: "second", Where: where},
	}, reasons)
}

// If two middlewares of one handler request the same, the table lists it once.
func TestReasonsAreSaidOnce(t *testing.T) {
	t.Parallel()
	r := framework.NewRouter()
	wants := func(rt *framework.Route, next framework.Handler) framework.Handler {
		rt.WantMacro(framework.StageConnect, "client_connections")
		return next
	}
	r.With(wants, wants).OnEndOfMessage(goesOn)
	plan, err := r.Plan()
	require.NoError(t, err)
	seen := make(map[framework.Reason]bool)
	for _, reason := range plan.Reasons {
		assert.False(t, seen[reason], "%+v", reason)
		seen[reason] = true
	}
}
