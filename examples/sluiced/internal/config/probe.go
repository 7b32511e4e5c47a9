package config

import (
	"errors"

	"github.com/sluicemail/sluice/framework"
)

// try returns what a middleware finds wrong with its settings. It wraps a filter with a
// handler for each stage.
func try(on func(*framework.Router) framework.Middleware) error {
	r := framework.NewRouter()
	r.With(on(r)).Mount(everything{})
	_, err := r.Plan()
	return reasons(err)
}

// reasons returns an error of a plan without the places in this program.
func reasons(err error) error {
	many, ok := err.(interface{ Unwrap() []error })
	if !ok {
		return reason(err)
	}
	seen := make(map[string]bool)
	var errs []error
	for _, one := range many.Unwrap() {
		if one = reason(one); !seen[one.Error()] {
			seen[one.Error()] = true
			errs = append(errs, one)
		}
	}
	return errors.Join(errs...)
}

func reason(err error) error {
	if mistake, ok := errors.AsType[*framework.RegistrationError](err); ok {
		return errors.New(mistake.Reason)
	}
	return err
}

// everything is a filter with a handler for each stage, which does nothing.
type everything struct{}

// Name implements [framework.Filter].
func (everything) Name() string { return "everything" }

// Register implements [framework.Filter].
func (everything) Register(r *framework.Router) error {
	r.ObserveConnect(func(*framework.Session, *framework.Connect) error { return nil })
	r.ObserveHelo(func(*framework.Session, *framework.Helo) error { return nil })
	r.ObserveMail(func(*framework.Session, *framework.Mail) error { return nil })
	r.ObserveRcpt(func(*framework.Session, *framework.Rcpt) error { return nil })
	r.ObserveHeader(func(*framework.Session, *framework.Header) error { return nil })
	r.ObserveBody(func(*framework.Session, *framework.Body) error { return nil })
	r.OnEndOfMessage(func(*framework.Session, *framework.EndOfMessage) (framework.Verdict, error) {
		return framework.Continue, nil
	})
	return nil
}
