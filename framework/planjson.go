package framework

import (
	"encoding/json"
	"strings"

	"github.com/samber/lo"

	"github.com/sluicemail/sluice/wire"
)

// MarshalJSON implements json.Marshaler: bits by their C names, macros by their
// stage, and the reasons.
func (p *Plan) MarshalJSON() ([]byte, error) {
	names := func(list []string) []string { return append([]string{}, list...) } // [] rather than null
	return json.Marshal(struct {
		Filters  []string            `json:"filters"`
		Actions  []string            `json:"actions"`
		Optional []string            `json:"optional"`
		Protocol []string            `json:"protocol"`
		Macros   map[string][]string `json:"macros"`
		Reasons  []Reason            `json:"reasons"`
	}{
		Filters:  lo.Map(p.lanes, func(l lanePlan, _ int) string { return l.name }),
		Actions:  names(p.Actions.Names()),
		Optional: names(p.Optional.Names()),
		Protocol: names(p.Protocol.Names()),
		Macros: lo.SliceToMap(p.Macros, func(l wire.MacroList) (string, []string) {
			return l.Stage.String(), strings.Fields(l.Names)
		}),
		Reasons: p.Reasons,
	})
}
