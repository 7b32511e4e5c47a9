package replay_test

import (
	"errors"
	"io"
	"strings"

	"github.com/sluicemail/sluice/framework"
)

// policy is a filter whose rules a test chooses. A rule that is not set asks for nothing.
type policy struct {
	refuseClient string // an address, refused at CONNECT
	refuseHelo   string
	refuseSender string // a part of the address
	deferSender  string // a part of the address
	refuseRcpt   string // a part of the address
	refuseData   string // a part of the sender
	acceptSender string // a part of the address, accepted at MAIL
	discard      string // a part of the subject
	hold         string // a part of the subject
	reply        string // of the refusals; default "no"
	refuseBody   string // a part of the body
	skipBody     bool   // reads one chunk only
	tag          string // the value of a new field X-Tag
	top          string // the value of a new field X-Top, at the top
	drop         string // the name of fields that are deleted
	subject      string // is put in front of the subject
	footer       string // is put behind the body
	sender       string // the new sender
	addRcpt      string
	deleteRcpt   string
	unknown      bool   // sees unknown commands
	rejected     bool   // sees the recipients that the MTA refused
	raw          bool   // sees the spaces behind colons
	user         bool   // adds X-User with the macro {auth_authen} of MAIL
	lateUser     bool   // adds X-Late with the macro {auth_authen} of the end
	tls          bool   // adds X-TLS with the macro {tls_version} of HELO
	fail         string // a part of the subject, at which a handler fails
}

// Name implements framework.Filter.
func (policy) Name() string { return "policy" }

// Register implements framework.Filter.
func (p policy) Register(r *framework.Router) error {
	p.client(r)
	p.envelope(r)
	p.content(r)
	p.edits(r)
	return nil
}

func (p policy) refuse() (framework.Verdict, error) {
	text := p.reply
	if text == "" {
		text = "no"
	}
	return framework.Reply(550, "5.7.1", text)
}

func (p policy) client(r *framework.Router) {
	if p.refuseClient != "" {
		r.OnConnect(func(_ *framework.Session, c *framework.Connect) (framework.Verdict, error) {
			if c.Addr().String() == p.refuseClient {
				return p.refuse()
			}
			return framework.Continue, nil
		})
	}
	if p.refuseHelo != "" {
		r.OnHelo(func(_ *framework.Session, h *framework.Helo) (framework.Verdict, error) {
			if h.Name() == p.refuseHelo {
				return p.refuse()
			}
			return framework.Continue, nil
		})
	}
	if p.unknown {
		r.OnUnknown(func(*framework.Session, *framework.Unknown) (framework.Verdict, error) { return p.refuse() })
	}
}

func (p policy) envelope(r *framework.Router) {
	if p.refuseSender+p.deferSender+p.acceptSender != "" {
		r.OnMail(func(_ *framework.Session, m *framework.Mail) (framework.Verdict, error) {
			switch {
			case has(m.Sender(), p.refuseSender):
				return p.refuse()
			case has(m.Sender(), p.deferSender):
				return framework.TempFail, nil
			case has(m.Sender(), p.acceptSender):
				return framework.Accept, nil
			}
			return framework.Continue, nil
		})
	}
	if p.refuseRcpt != "" {
		r.OnRcpt(func(_ *framework.Session, m *framework.Rcpt) (framework.Verdict, error) {
			if has(m.Recipient(), p.refuseRcpt) {
				return p.refuse()
			}
			return framework.Continue, nil
		})
	}
	if p.rejected {
		r.ObserveRejectedRcpt(func(*framework.Session, *framework.RejectedRcpt) error { return nil })
	}
	if p.refuseData != "" {
		env := r.WantEnvelope()
		r.OnData(func(s *framework.Session, _ *framework.Data) (framework.Verdict, error) {
			if has(env.Sender(s), p.refuseData) {
				return p.refuse()
			}
			return framework.Continue, nil
		})
	}
}

func has(text, part string) bool { return part != "" && strings.Contains(text, part) }

func (p policy) content(r *framework.Router) {
	if p.discard+p.fail != "" {
		r.OnHeader(func(_ *framework.Session, h *framework.Header) (framework.Verdict, error) {
			switch subject := h.Is("Subject"); {
			case subject && has(h.Value(), p.discard):
				return framework.Discard, nil
			case subject && has(h.Value(), p.fail):
				return framework.Continue, errors.New("it failed")
			}
			return framework.Continue, nil
		})
	}
	if p.raw {
		r.WantRawHeaders()
		r.ObserveHeader(func(*framework.Session, *framework.Header) error { return nil })
	}
	if p.refuseBody != "" {
		r.OnBody(func(_ *framework.Session, b *framework.Body) (framework.Verdict, error) {
			if has(string(b.Chunk()), p.refuseBody) {
				return p.refuse()
			}
			if p.skipBody {
				return framework.SkipBody, nil
			}
			return framework.Continue, nil
		})
	}
}

func (p policy) edits(r *framework.Router) {
	var steps []func(*framework.Session) error
	step := func(on bool, newStep func() func(*framework.Session) error) {
		if on {
			steps = append(steps, newStep())
		}
	}
	step(p.tag != "", func() func(*framework.Session) error {
		g := r.GrantAddHeader()
		return func(s *framework.Session) error { return g.Append(s, "X-Tag", p.tag) }
	})
	step(p.top != "", func() func(*framework.Session) error {
		g := r.GrantAddHeader()
		return func(s *framework.Session) error { return g.Prepend(s, "X-Top", p.top) }
	})
	step(p.drop+p.subject != "", func() func(*framework.Session) error { return p.change(r) })
	step(p.footer != "", func() func(*framework.Session) error { return p.addFooter(r) })
	step(p.sender != "", func() func(*framework.Session) error {
		g := r.GrantChangeSender()
		return func(s *framework.Session) error { return g.Change(s, p.sender) }
	})
	step(p.addRcpt != "", func() func(*framework.Session) error {
		g := r.GrantAddRecipient()
		return func(s *framework.Session) error { return g.Add(s, p.addRcpt) }
	})
	step(p.deleteRcpt != "", func() func(*framework.Session) error {
		g := r.GrantDeleteRecipient()
		env := r.WantEnvelope()
		return func(s *framework.Session) error {
			for _, rcpt := range env.Recipients(s) {
				if has(rcpt, p.deleteRcpt) {
					return g.Delete(s, rcpt)
				}
			}
			return nil
		}
	})
	step(p.user, func() func(*framework.Session) error {
		g, m := r.GrantAddHeader(), r.WantMacro(framework.StageMail, "auth_authen")
		return func(s *framework.Session) error {
			user, _ := m.Value(s)
			return g.Append(s, "X-User", user+".")
		}
	})
	step(p.lateUser, func() func(*framework.Session) error {
		g, m := r.GrantAddHeader(), r.WantMacro(framework.StageEndOfMessage, "auth_authen")
		return func(s *framework.Session) error {
			user, _ := m.Value(s)
			return g.Append(s, "X-Late", user+".")
		}
	})
	step(p.tls, func() func(*framework.Session) error {
		g, m := r.GrantAddHeader(), r.WantMacro(framework.StageHelo, "tls_version")
		return func(s *framework.Session) error {
			version, _ := m.Value(s)
			return g.Append(s, "X-TLS", version+".")
		}
	})
	step(p.hold != "", func() func(*framework.Session) error {
		g, h := r.GrantQuarantine(), r.WantHeaders()
		return func(s *framework.Session) error {
			for f := range h.All(s) {
				if f.Is("Subject") && has(f.Value, p.hold) {
					return g.Quarantine(s, "held for "+p.hold)
				}
			}
			return nil
		}
	})
	if len(steps) == 0 {
		return
	}
	r.OnEndOfMessage(func(s *framework.Session, _ *framework.EndOfMessage) (framework.Verdict, error) {
		for _, one := range steps {
			if err := one(s); err != nil {
				return framework.Continue, err
			}
		}
		return framework.Continue, nil
	})
}

func (p policy) change(r *framework.Router) func(*framework.Session) error {
	g, h := r.GrantChangeHeader(), r.WantHeaders()
	return func(s *framework.Session) error {
		for f := range h.All(s) {
			var err error
			switch {
			case p.drop != "" && f.Is(p.drop):
				err = g.Delete(s, f.Handle)
			case p.subject != "" && f.Is("Subject"):
				err = g.Change(s, f.Handle, p.subject+" "+f.Value)
			}
			if err != nil {
				return err
			}
		}
		return nil
	}
}

func (p policy) addFooter(r *framework.Router) func(*framework.Session) error {
	g, b := r.GrantReplaceBody(), r.WantBody()
	return func(s *framework.Session) error {
		in := b.Reader(s)
		text, err := io.ReadAll(in)
		if err != nil {
			return err
		}
		return errors.Join(in.Close(), g.Replace(s, append(text, p.footer...)))
	}
}
