package main

import (
	"context"
	"time"

	"github.com/sluicemail/sluice/framework"

	"github.com/sluicemail/sluice/framework/benchmarks/internal/workload"
)

// check is a filter that takes a while for each message. The workload says when
// it begins; if nothing else is said, at the end of the message.
type check struct {
	name  string
	begin workload.Name
}

// Name implements framework.Filter.
func (c check) Name() string { return c.name }

// Register implements framework.Filter.
func (c check) Register(r *framework.Router) error {
	if c.begin == workload.Check || c.begin == workload.Checks {
		r.OnEndOfMessage(func(s *framework.Session, _ *framework.EndOfMessage) (framework.Verdict, error) {
			_, err := ask(s.Context())
			return framework.Continue, err
		})
		return nil
	}
	asked := framework.Async[bool](r)
	switch c.begin { //nolint:exhaustive // the others do not begin early
	case workload.ChecksEarly:
		r.BeforeEndOfMessage(func(s *framework.Session) error { return asked.Start(s, ask) })
	case workload.ChecksMail:
		r.ObserveMail(func(s *framework.Session, _ *framework.Mail) error { return asked.Start(s, ask) })
	case workload.ChecksData:
		r.ObserveData(func(s *framework.Session, _ *framework.Data) error { return asked.Start(s, ask) })
	}
	r.OnEndOfMessage(func(s *framework.Session, _ *framework.EndOfMessage) (framework.Verdict, error) {
		_, err := asked.Wait(s)
		return framework.Continue, err
	})
	return nil
}

// ask takes CheckTime, or until the context ends.
func ask(ctx context.Context) (bool, error) {
	select {
	case <-time.After(workload.CheckTime):
		return true, nil
	case <-ctx.Done():
		return false, ctx.Err()
	}
}
