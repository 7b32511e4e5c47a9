package headers

import (
	"errors"

	"github.com/sluicemail/sluice/contrib/internal/logattr"
	"github.com/sluicemail/sluice/wire"
)

// Permission is something that an action needs the MTA to allow.
type Permission struct {
	// Rule and Action name the action, as in "rule 2 (tag)" and "Add".
	Rule, Action string
	// Actions are what the MTA must allow.
	Actions wire.Actions
	// Optional reports whether the rule is skipped if the MTA does not allow it.
	Optional bool
	// File and Line are the place of the action. They are zero for a configuration in Go.
	File string
	Line int
}

// Permissions returns what the active rules need the MTA to allow, in their order. The caller
// may keep the list. It must not change it.
func (f *Reloadable) Permissions() []Permission { return f.engine.Load().permissions }

// permission records what the action that was compiled last needs.
func (c *compiler) permission(r *Rule, a Action) {
	needed := c.needs.actions()
	if needed == 0 {
		return
	}
	p := Permission{Action: typeName(bareAction(a)), Actions: needed, Optional: r.Optional}
	if len(c.path) > 0 {
		p.Rule = c.path[len(c.path)-1]
	}
	at := r.at
	if l, ok := a.(locatedAction); ok {
		at = l.at
	}
	p.File, p.Line = at.file, at.line
	c.permissions = append(c.permissions, p)
}

// reviewOptional checks a rule that is optional.
func (c *compiler) reviewOptional(r *Rule, needed edits) {
	for _, a := range r.Do {
		if _, ok := bareAction(a).(StripAuthResults); ok {
			c.fail("optional", errors.New("a rule with strip_auth_results cannot be optional: behind a server that does not let it delete fields, readers would trust forged results"))
		}
	}
	if needed == (edits{}) {
		c.warn("optional", "the actions of the rule need no permission, so that it is never skipped")
	}
}

// granted reports whether the MTA allows what the rule needs. It logs the first skipping of
// the rule in each connection.
func (r *run) granted(of *rule) bool {
	e := of.edits
	if (!e.add && !e.beside || r.reg.add.Granted(r.s)) && (!e.change || r.reg.change.Granted(r.s)) &&
		(!e.rename || r.reg.rename.Granted(r.s)) && (!e.quarantine || r.reg.quarantine.Granted(r.s)) {
		return true
	}
	p := r.client()
	if p.skipped[of] {
		return false
	}
	if p.skipped == nil {
		p.skipped = make(map[*rule]bool)
	}
	p.skipped[of] = true
	r.s.BoundedLogger(nil).Info("optional rule skipped: the MTA does not allow its actions",
		"rule", of.name, "needs", e.actions().String(), logattr.QueueID(r.s))
	return false
}
