package main

import (
	"iter"
	"log/slog"
	"slices"

	"github.com/sluicemail/sluice/framework"
)

// Filter logs each stage with its data and macros, as a line of the server's
// log whose message is the name of the stage. It registers observers wherever
// the protocol has them, so that the MTA waits for the end of message alone.
type Filter struct {
	// Limit bounds how many bytes of a value are logged.
	Limit int
}

// Name implements [framework.Filter].
func (Filter) Name() string { return "logall" }

// Register implements [framework.Filter].
func (f Filter) Register(r *framework.Router) error {
	l := &logger{
		limit:  f.Limit,
		macros: wantMacros(r),
		count:  framework.PerConnection[int](r),
	}
	r.WantRawHeaders()
	l.session(r)
	l.envelope(r)
	l.content(r)
	return nil
}

// logger is a filter at work.
type logger struct {
	limit  int
	macros map[framework.Stage][]framework.Macro
	count  framework.Slot[int] // the messages of the session so far
}

func (l *logger) session(r *framework.Router) {
	r.ObserveConnect(func(s *framework.Session, e *framework.Connect) error {
		attrs := []slog.Attr{l.text("host", e.Host())}
		if e.Addr().IsValid() {
			attrs = append(attrs, slog.String("addr", e.Addr().String()), slog.Int("port", int(e.Port())))
		}
		if e.Path() != "" {
			attrs = append(attrs, l.text("path", e.Path()))
		}
		return l.log(s, framework.StageConnect, attrs...)
	})
	r.ObserveHelo(func(s *framework.Session, e *framework.Helo) error {
		return l.log(s, framework.StageHelo, l.text("name", e.Name()))
	})
	r.ObserveUnknown(func(s *framework.Session, e *framework.Unknown) error {
		return l.log(s, framework.StageUnknown, l.text("line", e.Line()))
	})
	r.OnClose(func(s *framework.Session, _ *framework.Close) error {
		return l.log(s, framework.StageClose, slog.Int("messages", *l.count.Get(s)))
	})
}

func (l *logger) envelope(r *framework.Router) {
	r.ObserveMail(func(s *framework.Session, e *framework.Mail) error {
		*l.count.Get(s)++
		return l.log(s, framework.StageMail, l.text("sender", e.Raw()), l.list("args", e.Args()))
	})
	r.ObserveRcpt(func(s *framework.Session, e *framework.Rcpt) error {
		return l.log(s, framework.StageRcpt, l.text("recipient", e.Raw()), l.list("args", e.Args()))
	})
	r.ObserveRejectedRcpt(func(s *framework.Session, e *framework.RejectedRcpt) error {
		return l.log(s, framework.StageRcpt, slog.Bool("rejected", true),
			l.text("recipient", e.Raw()), l.list("args", e.Args()))
	})
	r.ObserveData(func(s *framework.Session, _ *framework.Data) error {
		return l.log(s, framework.StageData)
	})
}

func (l *logger) content(r *framework.Router) {
	r.ObserveHeader(func(s *framework.Session, e *framework.Header) error {
		return l.log(s, framework.StageHeader, l.text("name", e.Name()), l.text("value", e.Raw()))
	})
	r.ObserveEndOfHeaders(func(s *framework.Session, _ *framework.EndOfHeaders) error {
		return l.log(s, framework.StageEndOfHeaders)
	})
	r.ObserveBody(func(s *framework.Session, e *framework.Body) error {
		return l.log(s, framework.StageBody, slog.Int("bytes", len(e.Chunk())), l.text("chunk", string(e.Chunk())))
	})
	r.OnEndOfMessage(func(s *framework.Session, _ *framework.EndOfMessage) (framework.Verdict, error) {
		return framework.Continue, l.log(s, framework.StageEndOfMessage)
	})
	r.OnAbort(func(s *framework.Session, _ *framework.Abort) error {
		return l.log(s, framework.StageAbort)
	})
}

// log writes the line of a stage: the message it belongs to, if any, its data
// and its macros. It never fails; handlers return what it returns.
func (l *logger) log(s *framework.Session, stage framework.Stage, data ...slog.Attr) error {
	var attrs []slog.Attr
	if stage >= framework.StageMail && stage <= framework.StageAbort {
		attrs = append(attrs, slog.Int("message", *l.count.Get(s)), l.text("queue", s.QueueID()))
	}
	attrs = append(attrs, data...)
	if macros := l.values(s, stage); len(macros) > 0 {
		attrs = append(attrs, slog.GroupAttrs("macros", macros...))
	}
	s.Logger().LogAttrs(s.Context(), slog.LevelInfo, stage.String(), attrs...)
	return nil
}

func (l *logger) text(name, value string) slog.Attr {
	return slog.String(name, Printable(value, l.limit))
}

func (l *logger) list(name string, values iter.Seq[string]) slog.Attr {
	list := []string{}
	for _, v := range slices.Collect(values) {
		list = append(list, Printable(v, l.limit))
	}
	return slog.Any(name, list)
}
