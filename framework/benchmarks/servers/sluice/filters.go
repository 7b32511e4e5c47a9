package main

import (
	"io"
	"log/slog"

	"github.com/sluicemail/sluice/framework"
	"github.com/sluicemail/sluice/middleware"

	"github.com/sluicemail/sluice/framework/benchmarks/internal/workload"
)

func newRouter(name workload.Name) (*framework.Router, error) {
	r := framework.NewRouter()
	switch name {
	case workload.W1:
		copyHeader(r)
	case workload.W2:
		answerAll(r)
	case workload.W3:
		hashBody(r)
	case workload.W4:
		return r, replaceBody(r)
	case workload.W1MW:
		useMiddleware(r)
		copyHeader(r)
	case workload.Check:
		r.Mount(check{name: "check", begin: name})
	case workload.Checks, workload.ChecksEarly, workload.ChecksMail, workload.ChecksData:
		for _, filter := range []string{"first", "second", "third"} {
			r.Mount(check{name: filter, begin: name})
		}
	}
	return r, nil
}

// useMiddleware adds the middleware of W1MW. The logger formats every line and
// discards it, because otherwise the benchmark would also measure the disk.
func useMiddleware(r *framework.Router) {
	r.Use(
		middleware.Recover(),
		middleware.Logger(middleware.LoggerConfig{Logger: slog.New(slog.NewTextHandler(io.Discard, nil))}),
		middleware.Macros(middleware.MacrosConfig{Names: []middleware.MacroName{"i", "client_addr"}}),
		middleware.NormalizeHeaders(middleware.NormalizeConfig{}),
	)
}

// copyHeader is W1.
func copyHeader(r *framework.Router) {
	add, from := r.GrantAddHeader(), framework.PerMessage[string](r)
	r.ObserveHeader(func(s *framework.Session, h *framework.Header) error {
		if h.Is(workload.Watched) {
			*from.Get(s) = h.Value()
		}
		return nil
	})
	r.OnEndOfMessage(func(s *framework.Session, _ *framework.EndOfMessage) (framework.Verdict, error) {
		return framework.Continue, add.Append(s, workload.Copied, *from.Get(s))
	})
}

// answerAll is W2.
func answerAll(r *framework.Router) {
	r.OnConnect(continueAlways[*framework.Connect])
	r.OnHelo(continueAlways[*framework.Helo])
	r.OnMail(continueAlways[*framework.Mail])
	r.OnRcpt(continueAlways[*framework.Rcpt])
	r.OnData(continueAlways[*framework.Data])
	r.OnHeader(continueAlways[*framework.Header])
	r.OnEndOfHeaders(continueAlways[*framework.EndOfHeaders])
	r.OnBody(continueAlways[*framework.Body])
	r.OnUnknown(continueAlways[*framework.Unknown])
	r.OnEndOfMessage(continueAlways[*framework.EndOfMessage])
}

func continueAlways[E framework.Event](*framework.Session, E) (framework.Verdict, error) {
	return framework.Continue, nil
}

// hashBody is W3.
func hashBody(r *framework.Router) {
	add, sums := r.GrantAddHeader(), framework.PerMessage[digest](r)
	r.ObserveBody(func(s *framework.Session, b *framework.Body) error {
		return sums.Get(s).write(b.Chunk())
	})
	r.OnEndOfMessage(func(s *framework.Session, _ *framework.EndOfMessage) (framework.Verdict, error) {
		return framework.Continue, add.Append(s, workload.Digest, sums.Get(s).hex())
	})
}

// replaceBody is W4. The framework checks the body once rather than for every
// message.
func replaceBody(r *framework.Router) error {
	replace, err := r.GrantReplaceBody().Prepare(workload.NewBody())
	if err != nil {
		return err
	}
	r.OnEndOfMessage(func(s *framework.Session, _ *framework.EndOfMessage) (framework.Verdict, error) {
		return framework.Continue, replace(s)
	})
	return nil
}
