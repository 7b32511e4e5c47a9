package trial_test

import (
	"errors"

	"github.com/sluicemail/sluice/framework"
)

// register registers the handlers of a filter.
type register func(r *framework.Router)

// router returns a router with the handlers.
func router(fn register) *framework.Router {
	r := framework.NewRouter()
	fn(r)
	return r
}

// at returns a filter that gives a verdict at a stage, and continues at all others.
func at(stage framework.Stage, v framework.Verdict, err error) register {
	return func(r *framework.Router) {
		switch stage {
		case framework.StageConnect:
			r.OnConnect(func(*framework.Session, *framework.Connect) (framework.Verdict, error) { return v, err })
		case framework.StageHelo:
			r.OnHelo(func(*framework.Session, *framework.Helo) (framework.Verdict, error) { return v, err })
		case framework.StageMail:
			r.OnMail(func(*framework.Session, *framework.Mail) (framework.Verdict, error) { return v, err })
		case framework.StageRcpt:
			r.OnRcpt(func(*framework.Session, *framework.Rcpt) (framework.Verdict, error) { return v, err })
		case framework.StageData:
			r.OnData(func(*framework.Session, *framework.Data) (framework.Verdict, error) { return v, err })
		case framework.StageHeader:
			r.OnHeader(func(*framework.Session, *framework.Header) (framework.Verdict, error) { return v, err })
		case framework.StageEndOfHeaders:
			r.OnEndOfHeaders(func(*framework.Session, *framework.EndOfHeaders) (framework.Verdict, error) { return v, err })
		case framework.StageBody:
			r.OnBody(func(*framework.Session, *framework.Body) (framework.Verdict, error) { return v, err })
		default:
			atEnd(func(*framework.Session) (framework.Verdict, error) { return v, err })(r)
		}
	}
}

func atEnd(fn func(s *framework.Session) (framework.Verdict, error)) register {
	return func(r *framework.Router) {
		r.OnEndOfMessage(func(s *framework.Session, _ *framework.EndOfMessage) (framework.Verdict, error) { return fn(s) })
	}
}

// refuseTo refuses one recipient.
func refuseTo(addr string, v framework.Verdict) register {
	return func(r *framework.Router) {
		r.OnRcpt(func(_ *framework.Session, e *framework.Rcpt) (framework.Verdict, error) {
			if e.Recipient() == addr {
				return v, nil
			}
			return framework.Continue, nil
		})
	}
}

var errBroken = errors.New("broken")

// edit returns a filter with all grants that edits at the end of the message.
func edit(fn func(s *framework.Session, g *grants) error) register {
	return func(r *framework.Router) {
		g := &grants{
			add: r.GrantInsertHeader(), change: r.GrantChangeHeader(), addRcpt: r.GrantAddRecipient(), delRcpt: r.GrantDeleteRecipient(),
			sender: r.GrantChangeSender(), body: r.GrantReplaceBody(), hold: r.GrantQuarantine(),
		}
		atEnd(func(s *framework.Session) (framework.Verdict, error) { return framework.Continue, fn(s, g) })(r)
	}
}

type grants struct {
	add     framework.HeaderInserter
	change  framework.HeaderChanger
	addRcpt framework.RecipientAdder
	delRcpt framework.RecipientDeleter
	sender  framework.SenderChanger
	body    framework.BodyReplacer
	hold    framework.Quarantiner
}
