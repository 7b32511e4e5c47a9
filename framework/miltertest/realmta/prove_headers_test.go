//go:build integration

package realmta_test

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"

	"github.com/sluicemail/sluice/framework/miltertest/realmta"
	"github.com/sluicemail/sluice/wire"
)

const headerActions = wire.ActionAddHdrs | wire.ActionChgHdrs

func change(index uint32, name, value string) wire.Reply {
	return &wire.ChangeHeader{Index: index, Name: name, Value: value}
}

func remove(index uint32, name string) wire.Reply { return change(index, name, "") }

func insert(index uint32, name, value string) wire.Reply {
	return &wire.InsertHeader{Index: index, Name: name, Value: value}
}

func add(name, value string) wire.Reply { return &wire.AddHeader{Name: name, Value: value} }

// atEnd is the highest index that both servers accept. An index past the last
// field means the end of the header.
const atEnd = 1<<31 - 1

// threeFields is a header whose first and third fields have the same name.
const threeFields = "A: 1\r\nB: 2\r\nA: 3\r\n"

// TestProveHeaderEdits edits one message in many ways. The expectations contain
// all fields in one line; "-" is the Received field that the MTA adds. If
// sendmail is empty, Sendmail does the same as Postfix.
func TestProveHeaderEdits(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name     string
		header   string
		edits    []wire.Reply
		postfix  string
		sendmail string
	}{
		{"nothing", "", nil, "- A:1 B:2 A:3", ""},

		{"change 0", "", []wire.Reply{change(0, "A", "x")}, "- A:x B:2 A:3", ""},
		{"change 1", "", []wire.Reply{change(1, "A", "x")}, "- A:x B:2 A:3", ""},
		{"change 2", "", []wire.Reply{change(2, "A", "x")}, "- A:1 B:2 A:x", ""},
		{"change past the last", "", []wire.Reply{change(3, "A", "x")}, "- A:1 B:2 A:3 A:x", "- A:x A:1 B:2 A:3"},
		{"change far past the last", "", []wire.Reply{change(99, "A", "x")}, "- A:1 B:2 A:3 A:x", "- A:x A:1 B:2 A:3"},
		{"change one that is not there", "", []wire.Reply{change(1, "C", "x")}, "- A:1 B:2 A:3 C:x", ""},
		{"change in another case", "", []wire.Reply{change(1, "b", "x")}, "- A:1 b:x A:3", "- A:1 B:x A:3"},
		{"change to a longer value", "", []wire.Reply{change(1, "A", strings.Repeat("x", 60))}, "- A:xxx B:2 A:3", ""},
		{"change twice", "", []wire.Reply{change(1, "A", "x"), change(1, "A", "y")}, "- A:y B:2 A:3", ""},

		{"delete 0", "", []wire.Reply{remove(0, "A")}, "- B:2 A:3", ""},
		{"delete 1", "", []wire.Reply{remove(1, "A")}, "- B:2 A:3", ""},
		{"delete past the last", "", []wire.Reply{remove(3, "A")}, "- A:1 B:2 A:3", ""},
		{"delete 1 and 2", "", []wire.Reply{remove(1, "A"), remove(2, "A")}, "- B:2 A:3", "- B:2"},
		{"delete 1 and 1", "", []wire.Reply{remove(1, "A"), remove(1, "A")}, "- B:2", "- B:2 A:3"},
		{"delete 2 and 1", "", []wire.Reply{remove(2, "A"), remove(1, "A")}, "- B:2", ""},
		{"delete 1, change 1", "", []wire.Reply{remove(1, "A"), change(1, "A", "x")}, "- B:2 A:x", "- A:x B:2 A:3"},
		{"delete 1, change 2", "", []wire.Reply{remove(1, "A"), change(2, "A", "x")}, "- B:2 A:3 A:x", "- B:2 A:x"},
		{"delete all", "", []wire.Reply{remove(2, "A"), remove(1, "A"), remove(1, "B")}, "-", ""},

		{"insert at 0", "", []wire.Reply{insert(0, "X", "y")}, "X:y - A:1 B:2 A:3", ""},
		{"insert at 1", "", []wire.Reply{insert(1, "X", "y")}, "- X:y A:1 B:2 A:3", ""},
		{"insert at 2", "", []wire.Reply{insert(2, "X", "y")}, "- A:1 X:y B:2 A:3", "- X:y A:1 B:2 A:3"},
		{"insert at 4", "", []wire.Reply{insert(4, "X", "y")}, "- A:1 B:2 A:3 X:y", "- X:y A:1 B:2 A:3"},
		{"insert at 99", "", []wire.Reply{insert(99, "X", "y")}, "- A:1 B:2 A:3 X:y", ""},
		{"insert at 99 of a name that is there", "", []wire.Reply{insert(99, "A", "y")}, "- A:1 B:2 A:3 A:y", ""},
		{"insert at 0 twice", "", []wire.Reply{insert(0, "X", "y"), insert(0, "X", "z")}, "X:z X:y - A:1 B:2 A:3", ""},
		{"insert at 1 twice", "", []wire.Reply{insert(1, "X", "y"), insert(1, "X", "z")}, "- X:z X:y A:1 B:2 A:3", ""},
		{"insert at 1, then 2", "", []wire.Reply{insert(1, "X", "y"), insert(2, "X", "z")}, "- X:y X:z A:1 B:2 A:3", ""},
		{"insert at 2 of a name that is there", "", []wire.Reply{insert(2, "B", "y")}, "- A:1 B:y B:2 A:3", "- B:y A:1 B:2 A:3"},
		{"insert A at 0, change A 1", "", []wire.Reply{insert(0, "A", "y"), change(1, "A", "x")}, "A:x - A:1 B:2 A:3", ""},
		{"insert A at 0, change A 2", "", []wire.Reply{insert(0, "A", "y"), change(2, "A", "x")}, "A:y - A:x B:2 A:3", ""},
		{"insert A at 1, change A 1", "", []wire.Reply{insert(1, "A", "y"), change(1, "A", "x")}, "- A:x A:1 B:2 A:3", ""},
		{"insert A at 2, change A 2", "", []wire.Reply{insert(2, "A", "y"), change(2, "A", "x")}, "- A:1 A:x B:2 A:3", "- A:y A:x B:2 A:3"},
		{"delete A 1, insert X at 1", "", []wire.Reply{remove(1, "A"), insert(1, "X", "y")}, "- X:y B:2 A:3", ""},
		{"delete A 1, insert X at 2", "", []wire.Reply{remove(1, "A"), insert(2, "X", "y")}, "- B:2 X:y A:3", "- X:y B:2 A:3"},
		{"delete A 1, insert X at 3", "", []wire.Reply{remove(1, "A"), insert(3, "X", "y")}, "- B:2 A:3 X:y", "- X:y B:2 A:3"},
		{"insert X at 1, delete A 1", "", []wire.Reply{insert(1, "X", "y"), remove(1, "A")}, "- X:y B:2 A:3", ""},
		{"insert X at 0, delete A 1", "", []wire.Reply{insert(0, "X", "y"), remove(1, "A")}, "X:y - B:2 A:3", ""},

		{"add a new name", "", []wire.Reply{add("X", "y")}, "- A:1 B:2 A:3 X:y", ""},
		{"add two of a new name", "", []wire.Reply{add("X", "y"), add("X", "z")}, "- A:1 B:2 A:3 X:y X:z", "- A:1 B:2 A:3 X:z X:y"},
		{"add a name that is there", "", []wire.Reply{add("A", "y")}, "- A:1 B:2 A:3 A:y", "- A:y A:1 B:2 A:3"},
		{"add a name that is there, change 1", "", []wire.Reply{add("A", "y"), change(1, "A", "x")}, "- A:x B:2 A:3 A:y", "- A:x A:1 B:2 A:3"},
		{"add a name that is there, change 3", "", []wire.Reply{add("A", "y"), change(3, "A", "x")}, "- A:1 B:2 A:3 A:x", "- A:y A:1 B:2 A:x"},
		{"delete B, add B", "", []wire.Reply{remove(1, "B"), add("B", "y")}, "- A:1 A:3 B:y", "- A:1 B:y A:3"},
		{"delete B, insert B at 99", "", []wire.Reply{remove(1, "B"), insert(99, "B", "y")}, "- A:1 A:3 B:y", ""},
		{"insert at 99 twice", "", []wire.Reply{insert(99, "X", "y"), insert(99, "X", "z")}, "- A:1 B:2 A:3 X:y X:z", ""},
		{"add, then insert at 99", "", []wire.Reply{add("X", "y"), insert(99, "Z", "z")}, "- A:1 B:2 A:3 X:y Z:z", ""},
		{"insert at 99, then add", "", []wire.Reply{insert(99, "Z", "z"), add("X", "y")}, "- A:1 B:2 A:3 Z:z X:y", ""},

		{"change Received", "", []wire.Reply{change(1, "Received", "x")}, "- A:1 B:2 A:3 Received:x", "Received:x - A:1 B:2 A:3"},
		{"delete Received", "", []wire.Reply{remove(1, "Received")}, "- A:1 B:2 A:3", ""},
		{"change an older Received", "Received: o\r\nA: 1\r\n", []wire.Reply{change(1, "Received", "x")}, "- Received:x A:1", ""},
		{"change Received 2", "Received: o\r\nA: 1\r\n", []wire.Reply{change(2, "Received", "x")}, "- Received:o A:1 Received:x", "Received:x - Received:o A:1"},
		{"delete an older Received", "Received: o\r\nA: 1\r\n", []wire.Reply{remove(1, "Received")}, "- A:1", ""},
		{"insert at 1 above an older Received", "Received: o\r\nA: 1\r\n", []wire.Reply{insert(1, "X", "y")}, "- X:y Received:o A:1", ""},
		{"add a Received", "", []wire.Reply{add("Received", "x")}, "- A:1 B:2 A:3 Received:x", "Received:x - A:1 B:2 A:3"},

		{"change a short first field", "A: 1\r\nB: 2\r\n", []wire.Reply{change(1, "A", strings.Repeat("x", 60))}, "- A:xxx B:2", ""},
		{"insert above and delete the first field", "A: 1\r\nB: 2\r\n", []wire.Reply{insert(1, "A", "x"), remove(2, "A")}, "- A:x B:2", ""},
		{"no field: add", "\r\n", []wire.Reply{add("X", "y")}, "- X:y", ""},
		{"no field: insert at 1", "\r\n", []wire.Reply{insert(1, "X", "y")}, "- X:y", ""},

		{"change a field of which Sendmail has a default", "Date: d\r\nFrom: f\r\nA: 1\r\n", []wire.Reply{change(1, "Date", "x")}, "- Date:x From:f A:1", ""},
		{"delete fields of which Sendmail has a default", "Date: d\r\nFrom: f\r\nA: 1\r\n", []wire.Reply{remove(1, "Date"), remove(1, "From")}, "- A:1", ""},
		{"add a field of which Sendmail has a default", "", []wire.Reply{add("Date", "d")}, "- A:1 B:2 A:3 Date:d", "- A:1 B:2 A:3"},
		{"insert such a field at the end", "", []wire.Reply{insert(atEnd, "Date", "d")}, "- A:1 B:2 A:3 Date:d", ""},
		{"change such a field that is not there", "", []wire.Reply{change(1, "Message-Id", "x")}, "- A:1 B:2 A:3 Message-Id:x", "- A:1 B:2 A:3"},
		{"add one more such field", "From: f\r\nA: 1\r\n", []wire.Reply{add("From", "g")}, "- From:f A:1 From:g", "- From:f A:1"},

		{"add a Return-Path", "", []wire.Reply{add("Return-Path", "x")}, "- A:1 B:2 A:3 Return-Path:x", "- A:1 B:2 A:3"},
		{"add a Bcc", "To: t\r\nA: 1\r\n", []wire.Reply{add("Bcc", "x")}, "- To:t A:1 Bcc:x", "- To:t A:1"},

		{"insert at the end", "", []wire.Reply{insert(atEnd, "A", "y"), insert(atEnd, "X", "z")}, "- A:1 B:2 A:3 A:y X:z", ""},
		{"insert past the end of numbers", "", []wire.Reply{insert(atEnd+1, "X", "y")}, "- A:1 B:2 A:3", ""},
		{"move the last two down by appending", "", []wire.Reply{
			remove(2, "A"), remove(1, "B"), insert(atEnd, "X", "y"), insert(atEnd, "B", "2"), insert(atEnd, "A", "3"),
		}, "- A:1 X:y B:2 A:3", ""},
		{"several lines", "", []wire.Reply{add("X", "y\n\tz\n w")}, "- A:1 B:2 A:3 X:y\\tz\\_w", ""},
		{"several lines with CRLF", "", []wire.Reply{add("X", "y\r\n\tz")}, "- A:1 B:2 A:3 X:y\\r\\tz", ""},
		{"a line that is not folded", "", []wire.Reply{add("X", "y\nz")}, "- A:1 B:2 A:3 X:y\\tz", "- A:1 B:2 A:3 X:y\\_z"},
		{"a line of white space", "", []wire.Reply{add("X", "y\n \t\n z")}, "- A:1 B:2 A:3 X:y\\_\t\\_z", ""},
		{"white space as the last line", "", []wire.Reply{add("X", "y\n ")}, "- A:1 B:2 A:3 X:y\\_", ""},
		{"an empty line", "", []wire.Reply{add("X", "y\n\n z")}, "- A:1 B:2 A:3 X:y\\t\\_z", "- A:1 B:2 A:3 X:y\\_\\_z"},
		{"an empty value added", "", []wire.Reply{add("X", "")}, "- A:1 B:2 A:3 X:", ""},
		{"an empty value inserted", "", []wire.Reply{insert(1, "X", "")}, "- X: A:1 B:2 A:3", ""},
		{"a leading space", "", []wire.Reply{add("X", " y")}, "- A:1 B:2 A:3 X: y", ""},
		{"a leading tab", "", []wire.Reply{add("X", "\ty")}, "- A:1 B:2 A:3 X:\ty", ""},
	}
	for name, start := range realmta.Each(realmta.Config{}) {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			mta := start(t)
			for _, tt := range tests {
				want := tt.postfix
				if name == "sendmail" && tt.sendmail != "" {
					want = tt.sendmail
				}
				if tt.header == "" {
					tt.header = threeFields
				}
				assert.Equal(t, want, editedBy(t, mta, tt.header, tt.edits...), tt.name)
			}
		})
	}
}

// editedBy returns, in one line, the header of a message that a milter has
// edited.
func editedBy(t *testing.T, mta realmta.MTA, header string, edits ...wire.Reply) string {
	t.Helper()
	milter{actions: headerActions, answer: atEOM(edits...)}.start(t, mta)
	mta.Sink().Reset()
	got := delivered(t, mta, withEnvelope(realmta.Message{Data: []byte(header + "\r\nbody\r\n")}, "edited"))
	text, _, _ := strings.Cut(strings.Replace(string(got.Data), got.Trace(), "-\r\n", 1), "\r\n\r\n")
	text = strings.ReplaceAll(text, strings.Repeat("x", 60), "xxx")
	return strings.NewReplacer("\r\n\t", `\t`, "\r\n ", `\_`, "\r\n", " ", ": ", ":", "\n", `\n`, "\r", `\r`).Replace(text)
}
