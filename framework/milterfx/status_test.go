package milterfx_test

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"go.uber.org/fx"

	"github.com/sluicemail/sluice/framework/milterfx"
	"github.com/sluicemail/sluice/framework/miltertest/testproc"
)

func TestStatusIsTold(t *testing.T) {
	t.Parallel()
	var status *milterfx.Status
	a := app(t, new(testproc.Buffer), fx.Supply(at(unix(t))), milterfx.Filters(), fx.Populate(&status))
	var told []string
	status.Watch(func(s milterfx.State) {
		assert.Equal(t, status.State(), s, "a watcher may ask")
		assert.Equal(t, s == milterfx.Ready, status.Ready())
		told = append(told, s.String())
	})
	a.RequireStart()
	assert.True(t, status.Ready())
	a.RequireStop()
	assert.Equal(t, []string{"starting", "ready", "draining", "stopped"}, told)

	status.Watch(func(s milterfx.State) { told = append(told, s.String()) })
	assert.Equal(t, "stopped", told[len(told)-1], "whoever comes late is told what is")
	assert.Equal(t, "unknown", milterfx.State(9).String())
}
