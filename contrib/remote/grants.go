package remote

import (
	"github.com/sluicemail/sluice/framework"
	"github.com/sluicemail/sluice/wire"
)

// grants are the rights to the modifications that the milter may make. A grant that was
// not asked for is zero.
type grants struct {
	add         framework.HeaderAdder
	insert      framework.HeaderInserter
	change      framework.HeaderChanger
	rename      framework.HeaderRenamer
	body        framework.BodyReplacer
	addRcpt     framework.RecipientAdder
	addRcptArgs framework.RecipientArgsAdder
	deleteRcpt  framework.RecipientDeleter
	sender      framework.SenderChanger
	quarantine  framework.Quarantiner
}

// granted returns the actions that the MTA of the session allows, among those that the
// milter wants.
func (g *grants) granted(s *framework.Session, wishes wire.Actions) wire.Actions {
	var actions wire.Actions
	for action, granted := range map[wire.Actions]bool{
		wire.ActionAddHdrs:    g.add.Granted(s),
		wire.ActionChgHdrs:    g.change.Granted(s),
		wire.ActionChgBody:    g.body.Granted(s),
		wire.ActionAddRcpt:    g.addRcpt.Granted(s),
		wire.ActionAddRcptPar: g.addRcptArgs.Granted(s),
		wire.ActionDelRcpt:    g.deleteRcpt.Granted(s),
		wire.ActionChgFrom:    g.sender.Granted(s),
		wire.ActionQuarantine: g.quarantine.Granted(s),
	} {
		if granted {
			actions |= action
		}
	}
	return actions & wishes
}
