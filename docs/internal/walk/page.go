package walk

import (
	"path/filepath"
	"regexp"
	"strings"
)

// Console is the language of the blocks that contain commands.
const Console = "console"

// Block is one fenced block of a page.
type Block struct {
	// Lang is the first word after the opening fence.
	Lang string
	// File is the file that the block is saved to, or "".
	File string
	// Note is the text of the comment before the block, or "".
	Note string
	// Text is the text between the fences.
	Text string
	// Line is the line number of the opening fence.
	Line int
}

// NotRun returns the reason why the block is not run, and whether the note
// gives such a reason.
func (b Block) NotRun() (reason string, ok bool) { return strings.CutPrefix(b.Note, "not run: ") }

// SameAs returns the file that the block is a copy of, as a path from the
// repository's root, and whether the note names one.
func (b Block) SameAs() (file string, ok bool) { return strings.CutPrefix(b.Note, "same as ") }

// option returns the text after the given word in one of the parts of the note,
// and whether there is such a part.
func (b Block) option(word string) (rest string, ok bool) {
	for part := range strings.SplitSeq(b.Note, ", ") {
		if rest, ok := strings.CutPrefix(part, word); ok {
			return rest, true
		}
	}
	return "", false
}

var (
	note = regexp.MustCompile(`^<!-- (.*) -->$`)
	name = regexp.MustCompile("`([^`]+)`:$")
)

// Parse returns the blocks of a page, in order.
func Parse(page string) []Block {
	var blocks []Block
	var open *Block
	before := make([]string, 2) // the last two lines that are not blank
	for i, line := range strings.Split(page, "\n") {
		lang, fence := strings.CutPrefix(line, "```")
		switch {
		case open != nil && fence:
			blocks = append(blocks, *open)
			open, before = nil, make([]string, 2)
		case open != nil:
			open.Text += line + "\n"
		case fence:
			open = &Block{Lang: lang, Line: i + 1}
			open.readIntroduction(before)
		case strings.TrimSpace(line) != "":
			before = []string{before[1], line}
		}
	}
	return blocks
}

// readIntroduction sets File and Note from the lines before the block.
func (b *Block) readIntroduction(before []string) {
	said := before[1]
	if m := note.FindStringSubmatch(said); m != nil {
		b.Note, said = m[1], before[0]
	}
	if m := name.FindStringSubmatch(said); m != nil && b.Lang != Console && !filepath.IsAbs(m[1]) {
		b.File = m[1]
	}
}
