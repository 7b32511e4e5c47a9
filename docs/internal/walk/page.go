package walk

import (
	"path/filepath"
	"regexp"
	"strings"
)

// Console is the language of the blocks that are run.
const Console = "console"

// Block is one fenced block of a page.
type Block struct {
	// Lang is the first word behind the fence.
	Lang string
	// File is the name under which the page has it saved, or "".
	File string
	// Note is what the comment before the block says, or "".
	Note string
	// Text is what stands between the fences.
	Text string
	// Line is the number of the line of the fence.
	Line int
}

// NotRun returns why the block is not run, and whether there is a reason.
func (b Block) NotRun() (reason string, ok bool) { return strings.CutPrefix(b.Note, "not run: ") }

// SameAs returns the file of the repository that the block is a copy of, from
// the repository's root, and whether it is one.
func (b Block) SameAs() (file string, ok bool) { return strings.CutPrefix(b.Note, "same as ") }

// says returns what follows the given word in one of the parts of the note, and
// whether there is one.
func (b Block) says(word string) (rest string, ok bool) {
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
	before := make([]string, 2) // the last lines that are not blank
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
			open.introduce(before)
		case strings.TrimSpace(line) != "":
			before = []string{before[1], line}
		}
	}
	return blocks
}

// introduce takes what the lines before the block say of it.
func (b *Block) introduce(before []string) {
	said := before[1]
	if m := note.FindStringSubmatch(said); m != nil {
		b.Note, said = m[1], before[0]
	}
	if m := name.FindStringSubmatch(said); m != nil && b.Lang != Console && !filepath.IsAbs(m[1]) {
		b.File = m[1]
	}
}
