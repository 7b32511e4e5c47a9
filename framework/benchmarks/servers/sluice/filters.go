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
		useShelf(r)
		copyHeader(r)
	}
	return r, nil
}

// useShelf is what W1MW has around W1. The lines are made, and go nowhere: a
// disk would be measured with them.
func useShelf(r *framework.Router) {
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
	r.OnConnect(goOn[*framework.Connect])
	r.OnHelo(goOn[*framework.Helo])
	r.OnMail(goOn[*framework.Mail])
	r.OnRcpt(goOn[*framework.Rcpt])
	r.OnData(goOn[*framework.Data])
	r.OnHeader(goOn[*framework.Header])
	r.OnEndOfHeaders(goOn[*framework.EndOfHeaders])
	r.OnBody(goOn[*framework.Body])
	r.OnUnknown(goOn[*framework.Unknown])
	r.OnEndOfMessage(goOn[*framework.EndOfMessage])
}

func goOn[E framework.Event](*framework.Session, E) (framework.Verdict, error) {
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

// replaceBody is W4. The body is looked at once, and not for every message.
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
