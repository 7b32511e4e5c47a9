package wire

import "strconv"

// MacroStage identifies a list of macros that a filter requests: SMFIM_ in
// mfapi.h. The numbers do not follow the order of the protocol.
type MacroStage uint32

// The macro stages.
const (
	MacroConnect MacroStage = 0 // SMFIM_CONNECT
	MacroHelo    MacroStage = 1 // SMFIM_HELO
	MacroEnvFrom MacroStage = 2 // SMFIM_ENVFROM
	MacroEnvRcpt MacroStage = 3 // SMFIM_ENVRCPT
	MacroData    MacroStage = 4 // SMFIM_DATA
	MacroEOM     MacroStage = 5 // SMFIM_EOM
	MacroEOH     MacroStage = 6 // SMFIM_EOH
)

// NumMacroStages is the number of macro stages. They are numbered from zero.
const NumMacroStages = 7

// String returns the stage's name in mfapi.h, such as SMFIM_EOM.
func (s MacroStage) String() string {
	switch s {
	case MacroConnect:
		return "SMFIM_CONNECT"
	case MacroHelo:
		return "SMFIM_HELO"
	case MacroEnvFrom:
		return "SMFIM_ENVFROM"
	case MacroEnvRcpt:
		return "SMFIM_ENVRCPT"
	case MacroData:
		return "SMFIM_DATA"
	case MacroEOM:
		return "SMFIM_EOM"
	case MacroEOH:
		return "SMFIM_EOH"
	}
	return "macro stage " + strconv.FormatUint(uint64(s), 10)
}
