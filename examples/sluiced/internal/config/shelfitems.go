package config

import (
	"errors"
	"fmt"
	"log/slog"
	"regexp"
	"strconv"
	"time"

	"go.yaml.in/yaml/v4"

	"github.com/sluicemail/sluice/examples/internal/yamlconf"
	"github.com/sluicemail/sluice/framework"
	"github.com/sluicemail/sluice/middleware"
)

type normalizeFile struct {
	MaxValue yamlconf.Size  `yaml:"max_value"`
	MaxWords yamlconf.Limit `yaml:"max_words"`
}

type macrosFile struct {
	Names []middleware.MacroName         `yaml:"names"`
	At    map[middleware.MacroName]stage `yaml:"at"`
	NoLog bool                           `yaml:"no_log"`
}

func (m *macrosFile) config() middleware.MacrosConfig {
	cfg := middleware.MacrosConfig{Names: m.Names, At: make(map[middleware.MacroName]framework.Stage, len(m.At)), NoLog: m.NoLog}
	for name, at := range m.At {
		cfg.At[name] = at.Stage
	}
	return cfg
}

type loggerFile struct {
	MessageLevel *logLevel          `yaml:"message_level"`
	EventLevel   *logLevel          `yaml:"event_level"`
	NoMessages   bool               `yaml:"no_messages"`
	Fields       []logField         `yaml:"fields"`
	Macros       map[stage][]string `yaml:"macros"`
	Content      bool               `yaml:"content"`
	Limit        yamlconf.Limit     `yaml:"limit"`
	HideLocal    bool               `yaml:"hide_local_parts"`
}

type logField struct{ middleware.LogField }

// UnmarshalYAML implements [yaml.Unmarshaler].
func (f *logField) UnmarshalYAML(n *yaml.Node) (err error) {
	f.LogField, err = oneOf(n, []string{"client", "helo", "sender", "recipients", "size", "modifications", "durations", "auth", "tls"}, []middleware.LogField{
		middleware.LogClient, middleware.LogHelo, middleware.LogSender, middleware.LogRecipients, middleware.LogSize,
		middleware.LogModifications, middleware.LogDurations, middleware.LogAuth, middleware.LogTLS,
	})
	return err
}

func (l *loggerFile) config() middleware.LoggerConfig {
	level := func(l *logLevel) slog.Leveler {
		if l == nil {
			return nil
		}
		return l.Level
	}
	cfg := middleware.LoggerConfig{
		MessageLevel: level(l.MessageLevel), EventLevel: level(l.EventLevel), NoMessages: l.NoMessages,
		Content: l.Content, Limit: l.Limit.N,
	}
	if l.Fields != nil {
		cfg.Fields = make([]middleware.LogField, 0, len(l.Fields))
	}
	for _, f := range l.Fields {
		cfg.Fields = append(cfg.Fields, f.LogField)
	}
	if l.Macros != nil {
		cfg.Macros = make(map[framework.Stage][]string, len(l.Macros))
	}
	for at, names := range l.Macros {
		cfg.Macros[at.Stage] = names
	}
	if l.HideLocal {
		cfg.Redact = middleware.HideLocalPart
	}
	return cfg
}

type timeoutFile struct {
	Event   yamlconf.Duration           `yaml:"event"`
	Message yamlconf.Duration           `yaml:"message"`
	Stages  map[stage]yamlconf.Duration `yaml:"stages"`
}

func (t *timeoutFile) config() middleware.TimeoutConfig {
	cfg := middleware.TimeoutConfig{Event: t.Event.Duration, Message: t.Message.Duration}
	if t.Stages != nil {
		cfg.Stages = make(map[framework.Stage]time.Duration, len(t.Stages))
	}
	for at, d := range t.Stages {
		cfg.Stages[at.Stage] = d.Duration
	}
	return cfg
}

// stage is a stage of the protocol, by its name.
type stage struct{ framework.Stage }

// UnmarshalYAML implements [yaml.Unmarshaler].
func (s *stage) UnmarshalYAML(n *yaml.Node) (err error) {
	var (
		names  []string
		stages []framework.Stage
	)
	for at := framework.StageConnect; at <= framework.StageEndOfMessage; at++ {
		names, stages = append(names, at.String()), append(stages, at)
	}
	s.Stage, err = oneOf(n, names, stages)
	return err
}

type throttleFile struct {
	Max   yamlconf.Limit    `yaml:"max"`
	Queue yamlconf.Limit    `yaml:"queue"`
	Wait  yamlconf.Duration `yaml:"wait"`
	Full  reply             `yaml:"full"`
}

func (t *throttleFile) config() middleware.ThrottleConfig {
	return middleware.ThrottleConfig{Max: t.Max.N, Queue: t.Queue.N, Wait: t.Wait.Duration, Full: t.Full.Verdict}
}

type rateLimitFile struct {
	Rate       rate  `yaml:"rate"`
	By         key   `yaml:"by"`
	Recipients bool  `yaml:"recipients"`
	Over       reply `yaml:"over"`
}

func (l *rateLimitFile) config() middleware.RateLimitConfig {
	return middleware.RateLimitConfig{Rate: l.Rate.Rate, By: l.By.Key, Recipients: l.Recipients, Over: l.Over.Verdict}
}

// rate is a number of events in a period, and a burst.
type rate struct{ middleware.Rate }

var rateText = regexp.MustCompile(`^(\d{1,9})/([0-9a-z.]+)(?:\+(\d{1,9}))?$`)

// UnmarshalYAML implements [yaml.Unmarshaler].
func (r *rate) UnmarshalYAML(n *yaml.Node) error {
	parts := rateText.FindStringSubmatch(n.Value)
	if parts == nil {
		return errors.New("want a rate such as 100/1h, or 100/1h+20 for a burst of 20")
	}
	var err error
	if r.Per, err = time.ParseDuration(parts[2]); err != nil {
		return fmt.Errorf("want a period such as 1h, not %q", parts[2])
	}
	r.Events, _ = strconv.Atoi(parts[1])
	r.Burst, _ = strconv.Atoi(parts[3])
	return nil
}
