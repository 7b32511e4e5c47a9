package message

import (
	"iter"
	"slices"
	"strconv"
	"strings"

	"github.com/sluicemail/sluice/framework/printable"
	"github.com/sluicemail/sluice/wire"
)

// CleanReply returns the parts of an SMTP reply in a form that framework.Reply accepts,
// whatever the parts are. Use it if a part comes from elsewhere, such as another
// server's answer or a scanner's report, so that a refusal remains a refusal:
//
//	code, status, lines := message.CleanReply(550, "5.7.1", answer)
//	return framework.Reply(code, status, lines...)
//
// A code and a status that framework.Reply accepts are returned as they are, and line
// ends divide the text into the lines of the reply (RFC 5321 section 4.2.1). Of a text
// with nothing to show no lines are left, which framework.Reply accepts. Otherwise:
//
//   - A code that is neither 4yz nor 5yz becomes 550 if the status begins with 5, and 451
//     if it does not, because only a status of class 5 says that a retry does not help.
//   - A status of another class than the code gets the class of the code: subject and
//     detail mean the same in each class (RFC 3463 section 3). Text that is no status
//     becomes 4.0.0 or 5.0.0, and "" remains "".
//   - In the text, a character that [printable.Rune] does not show becomes a space:
//     control characters, characters that change the direction of the text, invisible
//     characters and line separators, among others. Tabs are kept, and bytes that are not
//     UTF-8 become "?". Spaces and tabs around a line, and empty lines, are dropped. A line
//     that is too long with its code and status (RFC 5321 section 4.5.3.1.5) is divided at
//     a space, or within a word if there is none. Lines beyond the 32nd are dropped.
func CleanReply(code int, status, text string) (cleanCode int, cleanStatus string, lines []string) {
	if !replies(code, "") {
		code = 451
		if strings.HasPrefix(status, "5") {
			code = 550
		}
	}
	status = cleanStatusOf(code, status)
	room := wire.MaxReplyLineLen - len("550-\r\n") - max(len(status), len("5.0.0")) - len(" ")
	for line := range printableLines(text) {
		if lines = appendWrapped(lines, line, room); len(lines) >= wire.MaxReplyLines {
			return code, status, lines[:wire.MaxReplyLines]
		}
	}
	return code, status, lines
}

// CleanLine returns text as one line of at most the given number of bytes. Characters are
// replaced as [CleanReply] does, and line ends become a space. Quarantiner.Quarantine uses
// it for its reason.
func CleanLine(text string, most int) string {
	text = strings.Join(slices.Collect(printableLines(text)), " ")
	head, _ := printable.Cut(text, most)
	return strings.TrimRight(head, blanks)
}

// blanks are what is dropped around a line.
const blanks = " \t"

// printableLines iterates over the lines of a text that are not empty, with spaces for
// what is not printable.
func printableLines(text string) iter.Seq[string] {
	return func(yield func(string) bool) {
		text := strings.Map(shown, strings.ToValidUTF8(text, "?"))
		for line := range strings.FieldsFuncSeq(text, isLineEnd) {
			if line = strings.Trim(line, blanks); line != "" && !yield(line) {
				return
			}
		}
	}
}

// replies reports whether a reply may have the code and the status.
func replies(code int, status string) bool {
	_, err := wire.NewSMTPReply(code, status)
	return err == nil
}

// cleanStatusOf returns a status that a reply with the code may have.
func cleanStatusOf(code int, status string) string {
	if replies(code, status) {
		return status
	}
	class := strconv.Itoa(code / 100)
	if _, rest, ok := strings.Cut(status, "."); ok && replies(code, class+"."+rest) {
		return class + "." + rest
	}
	return class + ".0.0"
}

// shown returns a space for a character that a line of a reply must not have, or that a
// terminal does not show as it is. It returns line ends and tabs unchanged.
func shown(r rune) rune {
	if isLineEnd(r) || r == '\t' || printable.Rune(r) {
		return r
	}
	return ' '
}

func isLineEnd(r rune) bool { return r == '\r' || r == '\n' }

// appendWrapped appends a line, divided into lines of at most room bytes.
func appendWrapped(lines []string, line string, room int) []string {
	for len(line) > room && len(lines) < wire.MaxReplyLines {
		end := strings.LastIndexByte(line[:room+1], ' ')
		if end <= 0 {
			head, _ := printable.Cut(line, room)
			end = len(head)
		}
		lines = append(lines, strings.TrimRight(line[:end], blanks))
		line = strings.TrimLeft(line[end:], blanks)
	}
	return append(lines, line)
}
