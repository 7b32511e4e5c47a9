package replay

import (
	"slices"
	"strconv"
	"strings"

	"github.com/sluicemail/sluice/wire"
	"github.com/sluicemail/sluice/wire/mta"
)

// stageOrder is the order of the lists of macros in a session.
var stageOrder = [wire.NumMacroStages]wire.MacroStage{
	wire.MacroConnect, wire.MacroHelo, wire.MacroEnvFrom, wire.MacroEnvRcpt, wire.MacroData, wire.MacroEOH, wire.MacroEOM,
}

// position returns the place of a stage in stageOrder.
func position(stage wire.MacroStage) int { return slices.Index(stageOrder[:], stage) }

// listOf returns the list from which an MTA takes the macros of a command.
func listOf(code wire.CommandCode) (wire.MacroStage, bool) {
	switch code {
	case wire.CmdConnect:
		return wire.MacroConnect, true
	case wire.CmdHelo:
		return wire.MacroHelo, true
	case wire.CmdMail:
		return wire.MacroEnvFrom, true
	case wire.CmdRcpt:
		return wire.MacroEnvRcpt, true
	case wire.CmdData:
		return wire.MacroData, true
	case wire.CmdHeader, wire.CmdEOH:
		return wire.MacroEOH, true
	case wire.CmdBody, wire.CmdBodyEOB:
		return wire.MacroEOM, true
	default:
		return 0, false
	}
}

// requested returns the names that a filter requested for a stage.
func requested(answer *wire.Negotiate, stage wire.MacroStage) (names string, ok bool) {
	for _, list := range answer.Macros {
		if list.Stage == stage {
			return list.Names, true
		}
	}
	return "", false
}

// sameMacros reports whether two filters requested the same macros at a stage. The order of
// the names does not matter, because a filter looks macros up by name.
func sameMacros(a, b *wire.Negotiate, stage wire.MacroStage) bool {
	x, inA := requested(a, stage)
	y, inB := requested(b, stage)
	return inA == inB && slices.Equal(sorted(x), sorted(y))
}

func sorted(names string) []string {
	list := strings.Fields(names)
	slices.Sort(list)
	return slices.Compact(list)
}

// known is what the record tells about the macros at one place of the conversation.
type known struct {
	conv  *conversation
	lists [wire.NumMacroStages][]byte // the recorded lists so far
	came  [wire.NumMacroStages]bool
	at    int // the current step
	// session is the number of the session.
	session int
	// accepted reports whether the MTA has accepted a recipient of the message.
	accepted bool
}

// pass goes on to a step and takes its recorded macros.
func (k *known) pass(i int) {
	k.at = i
	s := &k.conv.steps[i]
	if s.code == wire.CmdMail {
		k.accepted = false
		for _, stage := range stageOrder[position(wire.MacroEnvFrom):] {
			k.lists[stage], k.came[stage] = nil, false
		}
	}
	if s.code == wire.CmdQuitNC {
		*k = known{conv: k.conv, at: i, session: k.session + 1}
	}
	if stage, ok := listOf(s.code); ok && s.macros != nil {
		k.lists[stage], k.came[stage] = s.macros[1:], true
	}
}

// lookup returns the value that a macro had at a stage. certain is false if the record does
// not tell whether it had one.
func (k *known) lookup(stage wire.MacroStage, name string) (value string, has, certain bool) {
	if value, has = k.soFar(stage, name); has {
		return value, true, true
	}
	if k.askedFor(stage, name) {
		return "", false, true
	}
	if value, has, certain = k.derived(stage, name); certain {
		return value, has, true
	}
	if lasting(name) && position(stage) >= position(wire.MacroEnvFrom) || ofConnection(name) {
		if value, has = k.later(name); has {
			return value, true, true
		}
	}
	return "", false, false
}

func (k *known) soFar(stage wire.MacroStage, name string) (string, bool) {
	for at := position(stage); at >= 0; at-- {
		if v, ok := wire.LookupMacro(k.lists[stageOrder[at]], name); ok {
			return string(v), true
		}
	}
	return "", false
}

// askedFor reports whether the old filter had requested the macro at the stage or before, so
// that the MTA would have sent a value.
func (k *known) askedFor(stage wire.MacroStage, name string) bool {
	for at := position(stage); at >= 0; at-- {
		names, ok := requested(&k.conv.answer, stageOrder[at])
		if ok && k.came[stageOrder[at]] && slices.Contains(strings.Fields(names), name) {
			return true
		}
	}
	return false
}

// derived returns the value of a macro that follows from something else in the record.
func (k *known) derived(stage wire.MacroStage, name string) (value string, has, certain bool) {
	t := k.text()
	switch client := k.conv.greets[k.session].client; {
	case name == "i":
		return k.queueID(stage)
	case name == "t" && k.conv.mta.Flavor == mta.Postfix:
		return "", false, true // Postfix does not have it
	case name == "t" && !k.conv.record.Began.IsZero():
		return k.conv.record.Began.UTC().Format("200601021504"), true, true
	case client.Family == 0:
	case name == "{client_addr}":
		return client.Addr, addr(client).IsValid(), true
	case name == "{client_name}":
		return client.Host, true, true
	case name == "{client_port}":
		return strconv.Itoa(int(client.Port)), true, true
	}
	if name == "{mail_addr}" && t != nil && t.Sender.Addr != "" && position(stage) >= position(wire.MacroEnvFrom) {
		return bare(t.Sender.Addr), true, true
	}
	return "", false, false
}

// queueID returns the macro i, which Postfix has from the first accepted recipient on.
func (k *known) queueID(stage wire.MacroStage) (value string, has, certain bool) {
	early := position(stage) < position(wire.MacroEnvFrom)
	if k.conv.mta.Flavor == mta.Postfix {
		early = position(stage) <= position(wire.MacroEnvFrom) || stage == wire.MacroEnvRcpt && !k.accepted
	}
	id := k.conv.record.QueueID
	return id, !early && id != "", early || id != ""
}

func (k *known) text() *message {
	if n := k.conv.steps[k.at].message; n >= 0 {
		return k.conv.texts[n]
	}
	return nil
}

// later returns a value that the MTA sent later in the message.
func (k *known) later(name string) (string, bool) {
	for i := k.at + 1; i < len(k.conv.steps); i++ {
		s := &k.conv.steps[i]
		if isBoundary(s.code) {
			break
		}
		if s.macros == nil {
			continue
		}
		if v, ok := wire.LookupMacro(s.macros[1:], name); ok {
			return string(v), true
		}
	}
	return "", false
}

// lasting reports whether a macro has the same value from MAIL on.
func lasting(name string) bool {
	for _, begin := range []string{"{auth_", "{tls_", "{cipher", "{cert_", "{mail_"} {
		if strings.HasPrefix(name, begin) {
			return true
		}
	}
	return ofConnection(name)
}

// ofConnection reports whether a macro has the same value in the whole session.
func ofConnection(name string) bool {
	for _, begin := range []string{"{client_addr", "{client_name", "{client_port", "{client_ptr", "{daemon_", "{if_"} {
		if strings.HasPrefix(name, begin) {
			return true
		}
	}
	return name == "j" || name == "v" || name == "_"
}

// bare returns an address without its angle brackets.
func bare(addr string) string {
	return strings.TrimSuffix(strings.TrimPrefix(addr, "<"), ">")
}
