package mailauth

import (
	"log/slog"
	"net/netip"
	"slices"

	"github.com/sluicemail/sluice/contrib/arc"
	"github.com/sluicemail/sluice/contrib/authres"
	"github.com/sluicemail/sluice/contrib/dkim"
	"github.com/sluicemail/sluice/contrib/dmarc"
	"github.com/sluicemail/sluice/contrib/internal/logattr"
	"github.com/sluicemail/sluice/contrib/spf"
	"github.com/sluicemail/sluice/framework"
)

// fieldFilter is the filter behind the others. It alone edits the Authentication-Results fields:
// behind a filter that may edit the header, the others would see the message only when it is
// complete.
type fieldFilter struct{ auth *Authenticator }

// Name implements [framework.Filter].
func (f *fieldFilter) Name() string { return f.auth.name + "-field" }

// Register implements [framework.Filter].
func (f *fieldFilter) Register(r *framework.Router) error {
	h := &fieldHandlers{auth: f.auth, host: authres.NewHost(r), forged: *authres.NewRemover(r)}
	h.results = authres.Collector{
		Headers: h.forged.Headers, Add: r.GrantAddHeader(), Change: h.forged.Change, Written: framework.PerMessage[bool](r),
	}
	r.WantMacro(framework.StageEndOfMessage, "i") // for log lines
	r.OnEndOfMessage(h.endOfMessage)
	return nil
}

// fieldHandlers is the filter as registered on one router.
type fieldHandlers struct {
	auth    *Authenticator
	host    authres.Host
	forged  authres.Remover
	results authres.Collector
}

// endOfMessage removes forged results, and writes those of this message.
func (h *fieldHandlers) endOfMessage(s *framework.Session, _ *framework.EndOfMessage) (framework.Verdict, error) {
	cfg := h.auth.message(s).cfg
	id, err := h.host.ID(s, cfg.AuthservID)
	if err != nil {
		return framework.Continue, err
	}
	n, err := h.forged.Remove(s, authres.Judge{IDs: append(slices.Clone(cfg.AlsoRemove), id), Relays: cfg.KeepResultsFrom})
	if err != nil {
		return framework.Continue, err
	}
	if n > 0 {
		s.BoundedLogger(nil).Log(s.Context(), slog.LevelDebug, "forged results removed", "fields", n, logattr.QueueID(s))
	}
	results := h.auth.results(s, h.forged.Client.Addr(s)).AuthRes().Results
	if len(results) == 0 { // all methods have failed open
		return framework.Continue, nil
	}
	return framework.Continue, h.results.Write(s, id, results...)
}

// results returns a Summary with what the methods have found out so far.
func (a *Authenticator) results(s *framework.Session, client netip.Addr) *Summary {
	sum := &Summary{Client: client}
	if r, ok := spf.ResultsOf(s); ok && a.spf != nil {
		sum.SPF = &r
	}
	if r, ok := dkim.ResultsOf(s); ok && a.dkim != nil {
		sum.DKIM = r
	}
	if r, ok := arc.ResultsOf(s); ok && a.arc != nil {
		sum.ARC = &r
	}
	if o, ok := dmarc.ResultsOf(s); ok && a.dmarc != nil {
		sum.DMARC = o
	}
	return sum
}
