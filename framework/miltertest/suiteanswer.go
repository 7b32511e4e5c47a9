package miltertest

import (
	"crypto/sha256"
	"fmt"
	"slices"
	"strings"

	"github.com/sluicemail/sluice/wire"
	"github.com/sluicemail/sluice/wire/mta"
)

// answerOf returns what a client and a recipient see of an outcome, as text that
// is the same where the same comes of a message on different MTAs: the reply, or
// the message as it is delivered. At which stage it was decided is not in it,
// for that goes by what the MTA offers.
func answerOf(out *mta.Outcome) string {
	var b strings.Builder
	for _, r := range out.Refused {
		fmt.Fprintf(&b, "%s is refused: %s\n", r.Addr, strings.Join(r.Response.Lines(), " / "))
	}
	switch {
	case out.Verdict.Code == wire.RepDiscard:
		b.WriteString("it is discarded\n")
	case out.Edited == nil:
		fmt.Fprintf(&b, "it is refused: %s\n", strings.Join(out.Verdict.Lines(), " / "))
	default:
		describe(&b, out)
	}
	return b.String()
}

func describe(b *strings.Builder, out *mta.Outcome) {
	if out.Quarantined {
		fmt.Fprintf(b, "it is held: %s\n", out.Quarantine)
	}
	m := out.Edited
	fmt.Fprintf(b, "from %s %v\n", unbracketed(m.Sender.Addr), m.Sender.Args)
	var to []string
	for _, r := range m.Recipients {
		to = append(to, fmt.Sprint(unbracketed(r.Addr), r.Args))
	}
	slices.Sort(to) // and one who is there twice gets it once from some MTAs
	for _, line := range slices.Compact(to) {
		fmt.Fprintf(b, "to %s\n", line)
	}
	for _, f := range m.Header {
		fmt.Fprintf(b, "%s:%.500s\n", strings.ToLower(f.Name), f.Value) // Sendmail keeps the old spelling
	}
	fmt.Fprintf(b, "body of %d bytes, %x\n%.500s\n", len(m.Body), sha256.Sum256(m.Body), m.Body)
}
