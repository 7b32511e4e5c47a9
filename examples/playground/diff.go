package main

import (
	"slices"
	"strings"
)

// Hunk is a changed piece of a message with the lines around it. A line begins
// with "-" if only the old message has it, with "+" if only the new message has
// it, and else with a space.
type Hunk struct {
	// Part is "header" or "body".
	Part string `json:"part"`
	// Line is the number of the first line in the part of the old message,
	// counted from 1.
	Line  int      `json:"line"`
	Lines []string `json:"lines"`
}

const (
	// diffContext is the number of equal lines around a difference.
	diffContext = 3
	// diffLines is the maximum number of lines that align compares. A
	// longer difference is shown as all old lines followed by all new
	// lines.
	diffLines = 1000
)

// diffMessages compares two messages with CRLF line ends.
func diffMessages(before, after []byte) []Hunk {
	oldHeader, oldBody, _ := strings.Cut(string(before), "\r\n\r\n")
	newHeader, newBody, _ := strings.Cut(string(after), "\r\n\r\n")
	return append(diffPart("header", oldHeader, newHeader), diffPart("body", oldBody, newBody)...)
}

func diffPart(part, before, after string) []Hunk {
	if before == after {
		return nil
	}
	return hunks(part, diffOf(textLines(before), textLines(after)))
}

func textLines(text string) []string {
	if text == "" {
		return nil
	}
	return strings.Split(strings.ReplaceAll(strings.TrimSuffix(text, "\r\n"), "\r\n", "\n"), "\n")
}

// diffOf returns the lines of both texts, each with its mark. It compares only
// the lines between the common beginning and the common end, because most edits
// are small.
func diffOf(before, after []string) []string {
	head := 0
	for head < min(len(before), len(after)) && before[head] == after[head] {
		head++
	}
	tail := 0
	for tail < min(len(before), len(after))-head && before[len(before)-1-tail] == after[len(after)-1-tail] {
		tail++
	}
	oldMiddle, newMiddle := before[head:len(before)-tail], after[head:len(after)-tail]
	lines := mark(" ", before[:head])
	if max(len(oldMiddle), len(newMiddle)) > diffLines {
		lines = append(append(lines, mark("-", oldMiddle)...), mark("+", newMiddle)...)
	} else {
		lines = append(lines, align(oldMiddle, newMiddle)...)
	}
	return append(lines, mark(" ", before[len(before)-tail:])...)
}

func mark(prefix string, lines []string) []string {
	out := make([]string, len(lines))
	for i, line := range lines {
		out[i] = prefix + line
	}
	return out
}

// align returns the lines of both texts, each with its mark, by their longest
// common subsequence. In its table, same[i][j] is the length of that subsequence
// for before[i:] and after[j:].
func align(before, after []string) []string {
	same := make([][]int, len(before)+1)
	for i := range same {
		same[i] = make([]int, len(after)+1)
	}
	for i, a := range slices.Backward(before) {
		for j, b := range slices.Backward(after) {
			if a == b {
				same[i][j] = same[i+1][j+1] + 1
			} else {
				same[i][j] = max(same[i+1][j], same[i][j+1])
			}
		}
	}
	var lines []string
	i, j := 0, 0
	for i < len(before) && j < len(after) {
		switch {
		case before[i] == after[j]:
			lines, i, j = append(lines, " "+before[i]), i+1, j+1
		case same[i+1][j] >= same[i][j+1]:
			lines, i = append(lines, "-"+before[i]), i+1
		default:
			lines, j = append(lines, "+"+after[j]), j+1
		}
	}
	return append(append(lines, mark("-", before[i:])...), mark("+", after[j:])...)
}

// hunks returns the differences with their context. If the contexts of two
// differences touch, they become one hunk.
func hunks(part string, lines []string) []Hunk {
	var list []Hunk
	number, end := 1, 0 // the line number in the old text, and the index after the last hunk
	for i, line := range lines {
		if line[0] != ' ' {
			from := max(end, i-diffContext)
			if len(list) == 0 || from > end {
				list = append(list, Hunk{Part: part, Line: number - (i - from)})
			}
			last := &list[len(list)-1]
			to := max(end, min(len(lines), i+1+diffContext))
			last.Lines = append(last.Lines, lines[from:to]...)
			end = to
		}
		if line[0] != '+' {
			number++
		}
	}
	return list
}
