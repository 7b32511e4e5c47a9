package middleware

import (
	"cmp"
	"fmt"
	"log/slog"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/sluicemail/sluice/framework"
)

// LoggerConfig configures [Logger]. The zero value logs messages at level info
// and events at level debug to the session's logger.
type LoggerConfig struct {
	// Logger receives the lines. Nil means the session's logger: see
	// [framework.Session.Logger].
	Logger *slog.Logger
	// MessageLevel is the level of the message lines. Nil means
	// [slog.LevelInfo].
	MessageLevel slog.Leveler
	// EventLevel is the level of the event lines. Nil means
	// [slog.LevelDebug].
	EventLevel slog.Leveler
	// NoMessages omits the message lines. The MTA is then not asked for the
	// data that only they show, except the queue ID.
	NoMessages bool
	// Fields are the optional fields of a message line, and thereby what the
	// MTA is asked for. Nil means all except [LogAuth] and [LogTLS]; a slice
	// that is empty but not nil means none.
	Fields []LogField
	// Macros are the macros to request at a stage and to show in the lines of
	// its events, in a group named macros. A name may have braces.
	Macros map[framework.Stage][]string
	// Content shows the values of header fields and the chunks of the body in
	// the lines of their events. These lines always have the length.
	Content bool
	// Limit is the number of bytes of each value that are logged. 0 means
	// 256.
	Limit int
	// Redact returns what a line shows instead of a value that came from the
	// client or from the mail. An empty result omits the key. The key is the
	// attribute's, such as sender, recipient, client, helo, args, value or
	// chunk, or the name of a macro. Replies and errors are not passed to it:
	// the filters wrote them. Nil shows all values; see also [HideLocalPart].
	Redact func(key, value string) string
}

// LogField is an optional field of a message line, or several that belong
// together. The session, the message's number, its queue ID and the verdict are
// always shown.
type LogField uint8

// The optional fields of a message line.
const (
	LogClient        LogField = iota // client and client_name: macros {client_addr} and {client_name} at Connect
	LogHelo                          // helo: the stage Helo
	LogSender                        // sender: macro {mail_addr} at Mail
	LogRecipients                    // recipients, their number: macro {rcpt_addr} at Rcpt
	LogSize                          // size of the body in bytes, if a filter receives the body
	LogModifications                 // modifications, a group with their number by kind
	LogDurations                     // took_connect to took_end_of_message
	LogAuth                          // user, if the client authenticated: macro {auth_authen} at Mail
	LogTLS                           // tls, the version: macro {tls_version} at Helo
)

// defaultLogLimit is the default of LoggerConfig.Limit.
const defaultLogLimit = 256

// logConfig is a LoggerConfig with its defaults filled in.
type logConfig struct {
	LoggerConfig

	fields [LogTLS + 1]bool
}

// check returns an error if the configuration is not valid.
func (cfg *LoggerConfig) check() error {
	if cfg.Limit < 0 {
		return fmt.Errorf("LoggerConfig.Limit is %d, and must not be negative", cfg.Limit)
	}
	for _, f := range cfg.Fields {
		if f > LogTLS {
			return fmt.Errorf("LoggerConfig.Fields has the unknown field %d", f)
		}
	}
	return nil
}

func newLogConfig(cfg LoggerConfig) *logConfig {
	c := &logConfig{LoggerConfig: cfg}
	c.Limit = cmp.Or(cfg.Limit, defaultLogLimit)
	if c.MessageLevel == nil {
		c.MessageLevel = slog.LevelInfo
	}
	if c.EventLevel == nil {
		c.EventLevel = slog.LevelDebug
	}
	if cfg.Fields == nil {
		for f := range LogAuth {
			c.fields[f] = true
		}
	}
	for _, f := range cfg.Fields {
		c.fields[f] = true
	}
	return c
}

// has reports whether message lines have the field.
func (c *logConfig) has(f LogField) bool { return c.fields[f] && !c.NoMessages }

// newLogger requests what the lines need from a router, at its first route.
func (c *logConfig) newLogger(rt *framework.Route) *logger {
	l := &logger{
		cfg: c, start: time.Now(), message: framework.PerMessage[loggedMessage](rt), session: framework.PerConnection[loggedSession](rt),
		macros: make(map[framework.Stage][]framework.Macro),
	}
	for stage := range l.tookKeys {
		l.tookKeys[stage] = "took_" + strings.ReplaceAll(framework.Stage(stage).String(), " ", "_")
	}
	rt.AfterMessage(l.afterMessage)
	rt.WantMacro(framework.StageEndOfMessage, "i")
	want := func(f LogField, key string, stage framework.Stage, name string) {
		if c.has(f) {
			l.fields = append(l.fields, macroField{key, MacroName(name), rt.WantMacro(stage, name), f == LogClient})
		}
	}
	want(LogClient, "client", framework.StageConnect, "client_addr")
	want(LogClient, "client_name", framework.StageConnect, "client_name")
	want(LogTLS, "tls", framework.StageHelo, "tls_version")
	want(LogAuth, "user", framework.StageMail, "auth_authen")
	want(LogSender, "sender", framework.StageMail, "mail_addr")
	if c.has(LogHelo) {
		l.helo = rt.WantHelo()
	}
	if c.has(LogRecipients) {
		rt.WantMacro(framework.StageRcpt, "rcpt_addr")
	}
	for _, stage := range slices.Sorted(maps.Keys(c.Macros)) {
		for _, name := range c.Macros[stage] {
			l.macros[stage] = append(l.macros[stage], rt.WantMacro(stage, name))
		}
	}
	return l
}

// HideLocalPart is for [LoggerConfig].Redact. It shows only the domain of an
// address, as ***@example.org, and nothing of values that may contain addresses,
// such as ESMTP arguments and the content of the mail. It shows the client's
// name and address.
func HideLocalPart(key, value string) string {
	switch key {
	case "sender", "recipient", "mail_addr", "rcpt_addr", "user", "auth_authen", "auth_author":
		if at := strings.LastIndexByte(value, '@'); at >= 0 {
			return "***" + strings.TrimSuffix(value[at:], ">")
		}
		if strings.Trim(value, "<>") == "" {
			return value
		}
		return "***"
	case "args", "line", "value", "chunk", "cert_subject":
		return "***"
	}
	return value
}
