package middleware

import (
	"log/slog"
	"strings"
	"time"

	"github.com/sluicemail/sluice/framework"
)

// LogOption is an option of [Logger].
type LogOption func(*logConfig)

// LogField is a field, or several, of the line that [Logger] writes for a
// message. Session, message, queue id and verdict are always there.
type LogField uint8

// The fields. All but LogAuth and LogTLS are there unless [LogFields] says
// otherwise.
const (
	LogClient        LogField = iota // client and client_name: macros {client_addr} and {client_name} at Connect
	LogHelo                          // helo: the stage Helo
	LogSender                        // sender: macro {mail_addr} at Mail
	LogRecipients                    // recipients, how many: macro {rcpt_addr} at Rcpt
	LogSize                          // size of the body, where a filter is shown it
	LogModifications                 // modifications, how many by their kind
	LogDurations                     // took, by stage
	LogAuth                          // user, where the client logged in: macro {auth_authen} at Mail
	LogTLS                           // tls, its version: macro {tls_version} at Helo
)

// defaultLogLimit is how many bytes of a value are logged.
const defaultLogLimit = 256

// logConfig is what the options make up.
type logConfig struct {
	log      *slog.Logger
	messages slog.Level
	events   slog.Level
	silent   bool // no lines of messages
	shown    bool // content
	limit    int
	redact   func(key, value string) string
	fields   [LogTLS + 1]bool
	macros   []stageMacros
}

type stageMacros struct {
	stage framework.Stage
	names []string
}

func newLogConfig(log *slog.Logger, opts []LogOption) *logConfig {
	cfg := &logConfig{log: log, messages: slog.LevelInfo, events: slog.LevelDebug, limit: defaultLogLimit}
	for f := range LogAuth {
		cfg.fields[f] = true
	}
	for _, opt := range opts {
		opt(cfg)
	}
	return cfg
}

// has reports whether the message's line has the field.
func (c *logConfig) has(f LogField) bool { return c.fields[f] && !c.silent }

// on asks a router for what the lines need, at its first route.
func (c *logConfig) on(rt *framework.Route) *logger {
	l := &logger{
		cfg: c, start: time.Now(), message: framework.PerMessage[loggedMessage](rt), session: framework.PerConnection[loggedSession](rt),
		macros: make(map[framework.Stage][]framework.Macro),
	}
	rt.AfterMessage(l.afterMessage)
	rt.WantMacro(framework.StageEndOfMessage, "i")
	want := func(f LogField, key string, stage framework.Stage, name string) {
		if c.has(f) {
			l.fields = append(l.fields, fieldMacro{key, rt.WantMacro(stage, name), f == LogClient})
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
	for _, m := range c.macros {
		for _, name := range m.names {
			l.macros[m.stage] = append(l.macros[m.stage], rt.WantMacro(m.stage, name))
		}
	}
	return l
}

// LogFields chooses the fields of a message's line, and with them what the MTA
// is asked for.
func LogFields(fields ...LogField) LogOption {
	return func(c *logConfig) {
		c.fields = [len(c.fields)]bool{}
		for _, f := range fields {
			if int(f) < len(c.fields) {
				c.fields[f] = true
			}
		}
	}
}

// LogMessagesAt sets the level of the lines of messages.
func LogMessagesAt(level slog.Level) LogOption {
	return func(c *logConfig) { c.messages = level }
}

// LogNoMessages leaves the lines of messages out, and with them the macros that
// their fields need.
func LogNoMessages() LogOption {
	return func(c *logConfig) { c.silent = true }
}

// LogEventsAt sets the level of the lines of events.
func LogEventsAt(level slog.Level) LogOption {
	return func(c *logConfig) { c.events = level }
}

// LogMacros asks for macros, named with or without braces, that the lines of a
// stage's events show.
func LogMacros(stage framework.Stage, names ...string) LogOption {
	return func(c *logConfig) { c.macros = append(c.macros, stageMacros{stage, names}) }
}

// LogContent shows the values of header fields and the body in the lines of
// their events, which else tell how long they are.
func LogContent() LogOption {
	return func(c *logConfig) { c.shown = true }
}

// LogLimit bounds how many bytes of each value are logged: 256 unless it is
// given.
func LogLimit(bytes int) LogOption {
	return func(c *logConfig) { c.limit = max(0, bytes) }
}

// LogRedact has fn decide what is shown of each value that a client, or a mail,
// gave. The key is the attribute's, such as sender, recipient, client, helo,
// args, value and chunk, or a macro's name. See [HideLocalPart]. Replies and
// errors are not shown to fn: they are the filters' own words.
func LogRedact(fn func(key, value string) string) LogOption {
	return func(c *logConfig) { c.redact = fn }
}

// HideLocalPart is for [LogRedact]: it shows of an address its domain alone, as
// ***@example.org, and of what may hold addresses in places of its own, such as
// ESMTP arguments and the content of the mail, nothing. What tells of the client,
// its address among it, is shown.
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
