package filter

import (
	"iter"
	"net/netip"
	"strconv"

	"github.com/sluicemail/sluice/examples/internal/cli"
	"github.com/sluicemail/sluice/framework"
)

// session registers handlers for the stages before a message.
func (f *Filter) session(r *framework.Router) {
	on(f, framework.StageConnect, func(s *framework.Session, e *framework.Connect) {
		f.print(s, framework.StageConnect, "connect %s %s", quoted(e.Host()), client(e))
	}, r.OnConnect, r.ObserveConnect)
	on(f, framework.StageHelo, func(s *framework.Session, e *framework.Helo) {
		f.print(s, framework.StageHelo, "helo %s", quoted(e.Name()))
	}, r.OnHelo, r.ObserveHelo)
	on(f, framework.StageUnknown, func(s *framework.Session, e *framework.Unknown) {
		f.print(s, framework.StageUnknown, "unknown %s", quoted(e.Line()))
	}, r.OnUnknown, r.ObserveUnknown)
}

func client(e *framework.Connect) string {
	switch {
	case e.Addr().IsValid():
		return netip.AddrPortFrom(e.Addr(), e.Port()).String()
	case e.Path() != "":
		return "unix:" + cli.PrintableLine(e.Path())
	}
	return "unknown"
}

// envelope registers handlers for the stages of a message before its content.
func (f *Filter) envelope(r *framework.Router) {
	on(f, framework.StageMail, func(s *framework.Session, e *framework.Mail) {
		f.print(s, framework.StageMail, "mail %s%s", quoted(e.Raw()), arguments(e.Args()))
	}, r.OnMail, r.ObserveMail)
	on(f, framework.StageRcpt, func(s *framework.Session, e *framework.Rcpt) {
		f.print(s, framework.StageRcpt, "rcpt %s%s", quoted(e.Raw()), arguments(e.Args()))
	}, r.OnRcpt, r.ObserveRcpt)
	if f.Rejected {
		r.ObserveRejectedRcpt(func(s *framework.Session, e *framework.RejectedRcpt) error {
			f.print(s, framework.StageRcpt, "rejected %s%s", quoted(e.Raw()), arguments(e.Args()))
			return nil
		})
	}
	on(f, framework.StageData, func(s *framework.Session, _ *framework.Data) {
		f.print(s, framework.StageData, "data")
	}, r.OnData, r.ObserveData)
}

func arguments(args iter.Seq[string]) (list string) {
	for arg := range args {
		list += " " + quoted(arg)
	}
	return list
}

// content registers handlers for the header and the body.
func (f *Filter) content(r *framework.Router) {
	on(f, framework.StageHeader, func(s *framework.Session, e *framework.Header) {
		value := e.Value()
		if f.RawHeaders {
			value = e.Raw()
		}
		f.print(s, framework.StageHeader, "header %s %s", quoted(e.Name()), quoted(value))
	}, r.OnHeader, r.ObserveHeader)
	on(f, framework.StageEndOfHeaders, func(s *framework.Session, _ *framework.EndOfHeaders) {
		f.print(s, framework.StageEndOfHeaders, "eoh")
	}, r.OnEndOfHeaders, r.ObserveEndOfHeaders)
	on(f, framework.StageBody, func(s *framework.Session, e *framework.Body) {
		what := strconv.Itoa(len(e.Chunk()))
		if f.Verbose {
			what = quoted(string(e.Chunk()))
		}
		f.print(s, framework.StageBody, "body %s", what)
	}, r.OnBody, r.ObserveBody)
}

// quoted returns a text in quotes and on one line. It writes a byte that is not
// printable ASCII as \xHH.
func quoted(s string) string {
	const hex = "0123456789abcdef"
	out := append(make([]byte, 0, len(s)+2), '"')
	for i := range len(s) {
		if c := s[i]; c < ' ' || c > '~' || c == '"' || c == '\\' {
			out = append(out, '\\', 'x', hex[c>>4], hex[c&15])
			continue
		}
		out = append(out, s[i])
	}
	return string(append(out, '"'))
}
