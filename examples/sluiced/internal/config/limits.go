package config

import (
	"errors"
	"fmt"
	"regexp"
	"strconv"

	"go.yaml.in/yaml/v4"

	"github.com/sluicemail/sluice/examples/internal/yamlconf"
	"github.com/sluicemail/sluice/framework"
)

// limits is the section limits. The settings have the names of the fields of
// framework.Config and framework.Admission, except for networks and users.
type limits struct {
	Sessions  yamlconf.Limit     `yaml:"max_sessions"`
	PerPeer   yamlconf.Limit     `yaml:"max_per_peer"`
	OverLimit reply              `yaml:"over_limit"`
	Networks  []yamlconf.Network `yaml:"networks"`
	Users     []uint32           `yaml:"users"`

	NegotiateTimeout yamlconf.Duration `yaml:"negotiate_timeout"`
	IdleTimeout      yamlconf.Duration `yaml:"idle_timeout"`
	FrameTimeout     yamlconf.Duration `yaml:"frame_timeout"`
	WriteTimeout     yamlconf.Duration `yaml:"write_timeout"`
	HandlerTimeout   yamlconf.Duration `yaml:"handler_timeout"`
	MessageTimeout   yamlconf.Duration `yaml:"message_timeout"`
	ProgressInterval yamlconf.Duration `yaml:"progress_interval"`
	HangGrace        yamlconf.Duration `yaml:"hang_grace"`
	DrainGrace       yamlconf.Duration `yaml:"drain_grace"`

	MaxPacket      yamlconf.Size  `yaml:"max_packet"`
	MaxHeaders     yamlconf.Limit `yaml:"max_headers"`
	MaxHeaderBytes yamlconf.Size  `yaml:"max_header_bytes"`
	MaxMacroBytes  yamlconf.Size  `yaml:"max_macro_bytes"`
	MaxRecipients  yamlconf.Limit `yaml:"max_recipients"`
	MaxAsync       yamlconf.Limit `yaml:"max_async"`

	MemoryBudget yamlconf.Size `yaml:"memory_budget"`
	DiskBudget   yamlconf.Size `yaml:"disk_budget"`
	SpoolMemory  yamlconf.Size `yaml:"spool_memory"`
	MaxSpool     yamlconf.Size `yaml:"max_spool"`
	SpoolDir     yamlconf.Word `yaml:"spool_dir"`
}

// config returns the limits of the server.
func (l *limits) config() framework.Config {
	return framework.Config{
		Admission: framework.Admission{
			MaxSessions: l.Sessions.N, MaxPerPeer: l.PerPeer.N, OverLimit: l.OverLimit.Verdict,
			Networks: yamlconf.Prefixes(l.Networks), UIDs: l.Users,
		},
		NegotiateTimeout: l.NegotiateTimeout.Duration, IdleTimeout: l.IdleTimeout.Duration,
		FrameTimeout: l.FrameTimeout.Duration, WriteTimeout: l.WriteTimeout.Duration,
		HandlerTimeout: l.HandlerTimeout.Duration, MessageTimeout: l.MessageTimeout.Duration,
		ProgressInterval: l.ProgressInterval.Duration, HangGrace: l.HangGrace.Duration, DrainGrace: l.DrainGrace.Duration,
		MaxPacket: int(l.MaxPacket.Bytes), MaxHeaders: l.MaxHeaders.N, MaxHeaderBytes: int(l.MaxHeaderBytes.Bytes),
		MaxMacroBytes: int(l.MaxMacroBytes.Bytes), MaxRecipients: l.MaxRecipients.N, MaxAsync: l.MaxAsync.N,
		MemoryBudget: l.MemoryBudget.Bytes, DiskBudget: l.DiskBudget.Bytes,
		SpoolMemory: l.SpoolMemory.Bytes, MaxSpool: l.MaxSpool.Bytes, SpoolDir: l.SpoolDir.Text,
	}
}

// reply is a verdict that refuses: tempfail, reject, or the text of a reply.
type reply struct {
	framework.Verdict
	yamlconf.Position
}

var replyText = regexp.MustCompile(`^([45]\d\d) ([45]\.\d{1,3}\.\d{1,3}) (.+)$`)

// UnmarshalYAML implements [yaml.Unmarshaler].
func (r *reply) UnmarshalYAML(n *yaml.Node) error {
	r.Position = yamlconf.At(n)
	switch n.Value {
	case "tempfail":
		r.Verdict = framework.TempFail
		return nil
	case "reject":
		r.Verdict = framework.Reject
		return nil
	}
	parts := replyText.FindStringSubmatch(n.Value)
	if parts == nil {
		return errors.New("want tempfail, reject, or a reply such as 451 4.7.1 try again later")
	}
	code, err := strconv.Atoi(parts[1])
	if err == nil {
		r.Verdict, err = framework.Reply(code, parts[2], parts[3])
	}
	if err != nil {
		return fmt.Errorf("the reply is not valid: %w", err)
	}
	return nil
}
