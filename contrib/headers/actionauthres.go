package headers

import (
	"errors"
	"fmt"
	"net/netip"
	"strings"
	"unicode"

	"go.yaml.in/yaml/v4"

	"github.com/sluicemail/sluice/contrib/authres"
	"github.com/sluicemail/sluice/contrib/internal/logattr"
	"github.com/sluicemail/sluice/framework"
)

// StripAuthResults deletes forged Authentication-Results fields: those that claim to be of
// this host, in any spelling, and came with the mail. Fields that an earlier filter of the
// same router or an earlier rule added are kept, and fields of other hosts are. See
// [authres.Judge].
type StripAuthResults struct {
	// ID are the names of this host in Authentication-Results fields (authserv-id), and
	// other names whose fields the readers of the mail trust. If empty, it is the host name
	// that the MTA sends (the macro j). If the MTA does not send it, the action fails.
	ID []string
	// Relays are the networks of hosts that check mail for this host. Nothing is deleted
	// from the messages of such a client. They have the form of [Client.Networks].
	Relays []string
}

func (a StripAuthResults) compile(c *compiler) step {
	c.needs.headers, c.needs.change = true, true
	var judge authres.Judge
	for i, id := range a.ID {
		if err := checkHostID(id); err != nil {
			c.failItem("ID", i, err)
		}
		judge.IDs = append(judge.IDs, id)
	}
	var host macro
	if len(a.ID) == 0 {
		var err error
		if host, err = c.macro("j"); err != nil {
			c.fail("ID", err)
		}
	}
	for i, text := range a.Relays {
		c.needs.connect = true
		network, err := network(text)
		if err != nil {
			c.failItem("Relays", i, err)
		}
		judge.Relays = append(judge.Relays, network)
	}
	return func(r *run) (framework.Verdict, error) {
		j := judge
		if host.name != "" {
			j.IDs = []string{r.macro(host)}
			if j.IDs[0] == "" {
				return framework.Continue, errors.New("headers: strip_auth_results does not know the name of this host: the setting id has none, and the MTA does not send the macro j")
			}
		}
		r.stripAuthResults(j)
		return framework.Continue, nil
	}
}

// checkHostID checks that a name can be that of a host in a field. With another one, the
// action would delete nothing, and nobody would notice.
func checkHostID(id string) error {
	if strings.Trim(id, ".") != "" && !strings.ContainsFunc(id, func(r rune) bool {
		return unicode.IsSpace(r) || unicode.IsControl(r) || strings.ContainsRune(`*?,;:{}"()<>=\@/`, r)
	}) {
		return nil
	}
	hint := "write a name such as mx.example.org"
	switch {
	case strings.Contains(id, "{{"):
		hint = "it is not a template; without id, it is the name that the MTA sends"
	case strings.ContainsAny(id, "*?"):
		hint = "wildcards are not supported; write a list of all names"
	case strings.ContainsAny(id, ":;="):
		hint = "write only the name that stands before the results, such as mx.example.org"
	case strings.Contains(id, ","):
		hint = "write a list, as in [a.example, b.example]"
	}
	return fmt.Errorf("%.60q is not a name of a host; %s", id, hint)
}

// stripAuthResults deletes the forged fields, and logs how many.
func (r *run) stripAuthResults(j authres.Judge) {
	var client netip.Addr
	if len(j.Relays) > 0 {
		client = r.client().addr
	}
	n := 0
	for i := range r.fields {
		f := &r.fields[i]
		if !f.original || f.deleted || f.added {
			continue
		}
		if j.Forged(framework.Field{Name: f.name, Value: f.value}, client) {
			f.deleted = true
			n++
		}
	}
	if n > 0 {
		r.s.BoundedLogger(nil).Info("forged results removed", "rule", r.rule, "fields", n, logattr.QueueID(r.s))
	}
}

func (d *decoder) stripAuthResults(n *yaml.Node) (a StripAuthResults, at place) {
	at = d.mappingOrValue(n, "id", d.texts(&a.ID), map[string]decodeFunc{"relays": d.texts(&a.Relays)})
	return a, at
}
