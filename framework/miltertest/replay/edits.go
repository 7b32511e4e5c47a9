package replay

import (
	"fmt"
	"strings"

	"github.com/sluicemail/sluice/framework/printable"
	"github.com/sluicemail/sluice/wire"
	"github.com/sluicemail/sluice/wire/mta"
)

const (
	// maxEditsShown is the number of modifications that a treatment lists.
	maxEditsShown = 50
	// maxShown is the number of bytes that are shown of a value.
	maxShown = 300
)

// shown returns a value that came from mail as one line that a terminal can show.
func shown(text string) string {
	return printable.Short(strings.ReplaceAll(text, "\n", " / "), maxShown)
}

// editsInWords describes modifications. base is the message before them.
func editsInWords(base *mta.Message, mods []wire.Reply) []string {
	var list []string
	body, chunks := 0, 0
	for i, m := range mods {
		if b, ok := m.(*wire.ReplaceBody); ok {
			body, chunks = body+len(b.Chunk), chunks+1
			continue
		}
		if len(list) == maxEditsShown {
			list = append(list, fmt.Sprintf("and %d more", len(mods)-i))
			break
		}
		list = append(list, inWordsEdit(base, m))
	}
	if chunks > 0 {
		list = append(list, fmt.Sprintf("replace the body by %d bytes", body))
	}
	return list
}

func inWordsEdit(base *mta.Message, m wire.Reply) string {
	switch m := m.(type) {
	case *wire.AddHeader:
		return "add " + field(m.Name, m.Value)
	case *wire.InsertHeader:
		if m.Index >= beyondEnd {
			return "add " + field(m.Name, m.Value)
		}
		return fmt.Sprintf("insert %s below %d fields", field(m.Name, m.Value), m.Index)
	case *wire.ChangeHeader:
		return changeInWords(base, m)
	case *wire.ChangeFrom:
		return "change the sender to " + shown(strings.TrimSpace(m.Sender+" "+m.Args))
	case *wire.AddRcpt:
		return "add the recipient " + shown(m.Recipient)
	case *wire.AddRcptPar:
		return "add the recipient " + shown(strings.TrimSpace(m.Recipient+" "+m.Args))
	case *wire.DelRcpt:
		return "delete the recipient " + shown(m.Recipient)
	case *wire.Quarantine:
		return "quarantine: " + shown(m.Reason)
	default:
		return shown(m.String())
	}
}

func field(name, value string) string {
	return shown(name + ": " + strings.TrimSpace(value))
}

// changeInWords names the value that a modification changes or deletes, if it is a field of
// the message. The index is that of the message before all modifications, so that the value
// may be one that an earlier modification had changed.
func changeInWords(base *mta.Message, m *wire.ChangeHeader) string {
	old, nth := "", uint32(0)
	for _, f := range base.Header {
		if strings.EqualFold(f.Name, m.Name) {
			if nth++; nth == max(m.Index, 1) {
				old = " from " + shown(strings.TrimSpace(f.Value))
			}
		}
	}
	if m.Value == "" {
		return fmt.Sprintf("delete %s %d%s", shown(m.Name), m.Index, strings.Replace(old, " from ", ", which was ", 1))
	}
	return fmt.Sprintf("change %s %d%s to %s", shown(m.Name), m.Index, old, shown(strings.TrimSpace(m.Value)))
}
