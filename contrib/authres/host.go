package authres

import (
	"errors"

	"github.com/sluicemail/sluice/framework"
)

// Host is the authserv-id of a filter that need not be configured: the name that the MTA
// gives itself. Filters that use it, or that are configured with that name, write one field.
// [NewHost] creates one.
type Host struct{ name framework.Macro }

// ErrNoHost is the error of [Host.ID] if there is no authserv-id.
var ErrNoHost = errors.New("authres: no authserv-id: the configuration has none, and the MTA does not send the macro j")

// NewHost asks the MTA for its name: the macro j, which is myhostname in Postfix and $j in
// Sendmail. Call it when the filter registers.
func NewHost(r *framework.Router) Host {
	return Host{r.WantMacro(framework.StageConnect, "j")}
}

// ID returns the authserv-id for [Collector.Write] and [Judge]: the configured one, or the
// name of the MTA if that is "". If there is none, the error is [ErrNoHost].
func (h Host) ID(s *framework.Session, configured string) (string, error) {
	if configured != "" {
		return configured, nil
	}
	if name, _ := h.name.Value(s); name != "" {
		return name, nil
	}
	return "", ErrNoHost
}
