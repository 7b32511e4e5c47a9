package remote

import (
	"fmt"
	"strconv"
	"strings"

	"github.com/sluicemail/sluice/framework"
	"github.com/sluicemail/sluice/framework/message"
	"github.com/sluicemail/sluice/wire"
	"github.com/sluicemail/sluice/wire/mta"
)

// verdict returns the verdict that the milter's answer means at a stage.
func verdict(stage framework.Stage, r mta.Response) (framework.Verdict, error) {
	switch r.Code {
	case wire.RepContinue:
		return framework.Continue, nil
	case wire.RepSkip:
		if stage == framework.StageBody {
			return framework.SkipBody, nil
		}
		return framework.Continue, nil // the link sends no more events of this kind
	case wire.RepAccept:
		return framework.Accept, nil
	case wire.RepReject:
		return framework.Reject, nil
	case wire.RepTempFail:
		return framework.TempFail, nil
	case wire.RepDiscard:
		return framework.Discard, nil
	case wire.RepReplyCode, wire.RepShutdown:
		return reply(r.Lines())
	default:
		return framework.Continue, fmt.Errorf("remote: the milter answered %v", r)
	}
}

// reply returns a refusal with the lines of an SMTP reply. A reply that cannot be passed on
// as it is remains a refusal: see [message.CleanReply].
func reply(lines []string) (framework.Verdict, error) {
	code, _ := strconv.Atoi(lines[0][:len("550")])
	texts := make([]string, len(lines))
	for i, line := range lines {
		if len(line) > len("550 ") {
			texts[i] = line[len("550 "):]
		}
	}
	status := commonStatus(texts)
	if status != "" {
		for i := range texts {
			texts[i] = strings.TrimPrefix(texts[i][len(status):], " ")
		}
	}
	if v, err := framework.Reply(code, status, texts...); err == nil {
		return v, nil
	}
	code, status, texts = message.CleanReply(code, status, strings.Join(texts, "\n"))
	return framework.Reply(code, status, texts...)
}

// commonStatus returns the enhanced status (RFC 3463) with which all lines begin, or "".
func commonStatus(lines []string) string {
	status, _, _ := strings.Cut(lines[0], " ")
	if strings.Count(status, ".") != 2 || strings.Trim(status, "0123456789.") != "" {
		return ""
	}
	for _, line := range lines {
		if line != status && !strings.HasPrefix(line, status+" ") {
			return ""
		}
	}
	return status
}
