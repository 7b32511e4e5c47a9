package framework_test

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/sluicemail/sluice/framework"
)

func TestConfigRefused(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		cfg  framework.Config
		says string
	}{
		"negotiation": {framework.Config{NegotiateTimeout: -1}, "Config.NegotiateTimeout is negative: -1ns"},
		"idleness":    {framework.Config{IdleTimeout: -1}, "Config.IdleTimeout"},
		"frames":      {framework.Config{FrameTimeout: -1}, "Config.FrameTimeout"},
		"writes":      {framework.Config{WriteTimeout: -1}, "Config.WriteTimeout"},
		"handlers":    {framework.Config{HandlerTimeout: -1}, "Config.HandlerTimeout"},
		"messages":    {framework.Config{MessageTimeout: -1}, "Config.MessageTimeout"},
		"progress":    {framework.Config{ProgressInterval: -1}, "Config.ProgressInterval"},
		"hang":        {framework.Config{HangGrace: -1}, "Config.HangGrace"},
		"drain":       {framework.Config{DrainGrace: -1}, "Config.DrainGrace"},
		"packets":     {framework.Config{MaxPacket: -1}, "Config.MaxPacket"},
		"headers":     {framework.Config{MaxHeaders: -7}, "Config.MaxHeaders is negative: -7"},
		"their size":  {framework.Config{MaxHeaderBytes: -1}, "Config.MaxHeaderBytes"},
		"macros":      {framework.Config{MaxMacroBytes: -1}, "Config.MaxMacroBytes"},
		"all memory":  {framework.Config{MemoryBudget: -1}, "Config.MemoryBudget"},
		"all files":   {framework.Config{DiskBudget: -1}, "Config.DiskBudget"},
		"recipients":  {framework.Config{MaxRecipients: -1}, "Config.MaxRecipients"},
		"memory":      {framework.Config{SpoolMemory: -1}, "Config.SpoolMemory"},
		"body":        {framework.Config{MaxSpool: -1}, "Config.MaxSpool"},
		"sessions":    {framework.Config{Admission: framework.Admission{MaxSessions: -1}}, "Admission: a limit is negative"},
		"peers":       {framework.Config{Admission: framework.Admission{MaxPerPeer: -1}}, "Admission: a limit is negative"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			_, err := framework.NewServer(framework.NewRouter(), c.cfg)
			require.ErrorContains(t, err, "framework: "+c.says)
		})
	}
}

func TestConfigRefusedAtOnce(t *testing.T) {
	t.Parallel()
	_, err := framework.NewServer(framework.NewRouter(), framework.Config{
		IdleTimeout: -1, MaxHeaders: -1, Admission: framework.Admission{OverLimit: framework.Accept},
	})
	require.Error(t, err)
	assert.Equal(t, 3, strings.Count(err.Error(), "framework: "), err)
}
