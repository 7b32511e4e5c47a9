package mailauth

import (
	"iter"
	"net/netip"
	"time"

	"github.com/sluicemail/sluice/contrib/arc"
	"github.com/sluicemail/sluice/contrib/authres"
	"github.com/sluicemail/sluice/contrib/dkim"
	"github.com/sluicemail/sluice/contrib/dmarc"
	"github.com/sluicemail/sluice/contrib/spf"
)

// Summary is what an [Authenticator] found out about a message, and what became of the message.
// Results that are not known are nil: the method is turned off, or the message ended before.
type Summary struct {
	// SPF are the results of SPF, or nil.
	SPF *spf.Results
	// DKIM are the results of the signatures, one at least, or nil.
	DKIM []dkim.Result
	// ARC is the result of the chain of ARC, or nil.
	ARC *arc.Result
	// DMARC is the outcome of DMARC with the policy and the exceptions from it, or nil.
	DMARC *dmarc.Outcome

	// Action is what was done with the message.
	Action Action
	// By is the name of the filter that took the action: one of the Authenticator, or another
	// filter of the router that refused the message. It is "" for Accept.
	By string
	// Reply is the reply to a client whose message was refused, or "".
	Reply string

	// Client is the address of the client that the MTA named, or the zero Addr.
	Client netip.Addr
	// QueueID is the MTA's identifier of the message, or "".
	QueueID string
	// AuthservID is the name of this host in the field that AuthRes returns.
	AuthservID string
	// Took is the time that the checks took when the message was complete. Before that, they
	// run beside the session, and the message does not wait for them.
	Took time.Duration
}

// Action is what was done with a message. There are few values, which are suitable as labels of
// metrics.
type Action string

// Values of Action.
const (
	Accept   Action = "accept"
	AddField Action = "addfield" // accepted with a field that marks it: see dmarc.Config
	Hold     Action = "hold"     // accepted and held in the queue of the MTA
	TempFail Action = "tempfail"
	Reject   Action = "reject"
	Discard  Action = "discard" // by another filter
	Aborted  Action = "aborted" // by the client, the MTA or another milter
)

// Counts iterates over methods and results, for a counter of metrics with two labels. The
// methods are "spf" (for MAIL FROM), "helo", "dkim", "arc" and "dmarc". The results are the words
// of RFC 8601, and "skipped" for mail of this host's own users and programs. A method has as many
// results as a message has: DKIM has one for each signature.
//
//	for method, result := range summary.Counts() {
//		results.WithLabelValues(method, result).Inc()
//	}
func (s *Summary) Counts() iter.Seq2[string, string] {
	return func(yield func(string, string) bool) {
		for _, c := range s.counts() {
			if !yield(c[0], c[1]) {
				return
			}
		}
	}
}

func (s *Summary) counts() [][2]string {
	var list [][2]string
	add := func(method, result string) { list = append(list, [2]string{method, result}) }
	switch {
	case s.SPF == nil:
	case s.SPF.Skipped != "":
		add("spf", "skipped")
	default:
		add("spf", string(s.SPF.MailFrom.Status))
		if s.SPF.HeloChecked() {
			add("helo", string(s.SPF.Helo.Status))
		}
	}
	for i := range s.DKIM {
		add("dkim", string(s.DKIM[i].Status))
	}
	if s.ARC != nil {
		add("arc", string(s.ARC.Status))
	}
	switch {
	case s.DMARC == nil:
	case s.DMARC.Skipped != "":
		add("dmarc", "skipped")
	default:
		add("dmarc", string(s.DMARC.Status))
	}
	return list
}

// AuthRes returns the results in the form of an Authentication-Results field (RFC 8601), as it
// stands in a message that is accepted.
func (s *Summary) AuthRes() authres.Field {
	f := authres.Field{ID: s.AuthservID}
	if s.SPF != nil {
		f.Results = append(f.Results, s.SPF.AuthRes()...)
	}
	for i := range s.DKIM {
		f.Results = append(f.Results, s.DKIM[i].AuthRes())
	}
	if s.ARC != nil {
		f.Results = append(f.Results, s.ARC.Authres(s.Client))
	}
	if s.DMARC != nil {
		f.Results = append(f.Results, s.DMARC.AuthRes())
	}
	return f
}
