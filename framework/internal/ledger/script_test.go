package ledger_test

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/sluicemail/sluice/framework/internal/ledger"
	"github.com/sluicemail/sluice/wire/mta"
)

func TestScript(t *testing.T) {
	t.Parallel()
	header := fields("A", "1", "B", "2", "a", "3", "C", "4", "A", "5")
	tests := []struct {
		name string
		edit func(l *ledger.Ledger)
		want []string
		now  []mta.Field
	}{
		{
			name: "nothing", edit: func(*ledger.Ledger) {},
			want: []string{}, now: header,
		},
		{
			name: "append", edit: func(l *ledger.Ledger) { l.Append("X", "x"); l.Append("Y", "y") },
			want: []string{`SMFIR_ADDHEADER "X" "x"`, `SMFIR_ADDHEADER "Y" "y"`},
			now:  fields("A", "1", "B", "2", "a", "3", "C", "4", "A", "5", "X", "x", "Y", "y"),
		},
		{
			name: "insert at the top", edit: func(l *ledger.Ledger) { l.Insert(0, "X", "x") },
			want: []string{`SMFIR_INSHEADER 1 "X" "x"`},
			now:  fields("X", "x", "A", "1", "B", "2", "a", "3", "C", "4", "A", "5"),
		},
		{
			name: "insert above the MTA's own", edit: func(l *ledger.Ledger) { l.Prepend("X", "x"); l.Prepend("Y", "y") },
			want: []string{`SMFIR_INSHEADER 0 "X" "x"`, `SMFIR_INSHEADER 0 "Y" "y"`},
			now:  fields("Y", "y", "X", "x", "A", "1", "B", "2", "a", "3", "C", "4", "A", "5"),
		},
		{
			name: "insert in the middle, counting what was inserted",
			edit: func(l *ledger.Ledger) { l.Insert(0, "X", "x"); l.Insert(1, "Y", "y"); l.Insert(4, "Z", "z") },
			want: []string{`SMFIR_INSHEADER 3 "Z" "z"`, `SMFIR_INSHEADER 1 "Y" "y"`, `SMFIR_INSHEADER 1 "X" "x"`},
			now:  fields("X", "x", "Y", "y", "A", "1", "B", "2", "Z", "z", "a", "3", "C", "4", "A", "5"),
		},
		{
			name: "insert, counting what was prepended",
			edit: func(l *ledger.Ledger) { l.Prepend("X", "x"); l.Insert(0, "Y", "y"); l.Insert(2, "Z", "z") },
			want: []string{`SMFIR_INSHEADER 1 "Z" "z"`, `SMFIR_INSHEADER 0 "X" "x"`, `SMFIR_INSHEADER 0 "Y" "y"`},
			now:  fields("Y", "y", "X", "x", "Z", "z", "A", "1", "B", "2", "a", "3", "C", "4", "A", "5"),
		},
		{
			name: "insert, not counting what was deleted",
			edit: func(l *ledger.Ledger) { l.Delete(1); l.Delete(l.Prepend("Y", "y")); l.Insert(1, "X", "x") },
			want: []string{`SMFIR_INSHEADER 3 "X" "x"`, `SMFIR_CHGHEADER 1 "A" ""`},
			now:  fields("B", "2", "X", "x", "a", "3", "C", "4", "A", "5"),
		},
		{
			name: "several above a field stand in the order of the calls",
			edit: func(l *ledger.Ledger) { l.InsertAbove(2, "X", "x"); l.InsertAbove(2, "Y", "y") },
			want: []string{`SMFIR_INSHEADER 2 "Y" "y"`, `SMFIR_INSHEADER 2 "X" "x"`},
			now:  fields("A", "1", "X", "x", "Y", "y", "B", "2", "a", "3", "C", "4", "A", "5"),
		},
		{
			name: "several below a field do, too, with other edits between them",
			edit: func(l *ledger.Ledger) {
				l.InsertBelow(2, "X", "x")
				l.InsertAbove(3, "W", "w")
				l.Insert(2, "V", "v")
				l.InsertBelow(2, "Y", "y")
			},
			want: []string{
				`SMFIR_INSHEADER 3 "W" "w"`, `SMFIR_INSHEADER 3 "Y" "y"`, `SMFIR_INSHEADER 3 "X" "x"`, `SMFIR_INSHEADER 3 "V" "v"`,
			},
			now: fields("A", "1", "B", "2", "V", "v", "X", "x", "Y", "y", "W", "w", "a", "3", "C", "4", "A", "5"),
		},
		{
			name: "another filter's is directly below",
			edit: func(l *ledger.Ledger) {
				l.InsertBelow(5, "X", "x")
				l.BeginFilter(2)
				l.InsertBelow(5, "Y", "y")
			},
			want: []string{`SMFIR_ADDHEADER "Y" "y"`, `SMFIR_ADDHEADER "X" "x"`},
			now:  fields("A", "1", "B", "2", "a", "3", "C", "4", "A", "5", "Y", "y", "X", "x"),
		},
		{
			name: "a field that was deleted or renamed has its place",
			edit: func(l *ledger.Ledger) {
				l.Delete(3)
				l.InsertAbove(3, "X", "x")
				l.InsertBelow(3, "Y", "y")
				l.Rename(4, "D")
				l.InsertBelow(4, "Z", "z")
			},
			want: []string{
				`SMFIR_INSHEADER 5 "Z" "z"`, `SMFIR_CHGHEADER 1 "C" ""`, `SMFIR_INSHEADER 4 "D" "4"`,
				`SMFIR_INSHEADER 4 "Y" "y"`, `SMFIR_CHGHEADER 2 "a" ""`, `SMFIR_INSHEADER 3 "X" "x"`,
			},
			now: fields("A", "1", "B", "2", "X", "x", "Y", "y", "D", "4", "Z", "z", "A", "5"),
		},
		{
			name: "beside a field above the MTA's own",
			edit: func(l *ledger.Ledger) {
				id := l.Prepend("X", "x")
				l.InsertAbove(id, "W", "w")
				l.InsertBelow(id, "Y", "y")
			},
			want: []string{`SMFIR_INSHEADER 0 "Y" "y"`, `SMFIR_INSHEADER 0 "X" "x"`, `SMFIR_INSHEADER 0 "W" "w"`},
			now:  fields("W", "w", "X", "x", "Y", "y", "A", "1", "B", "2", "a", "3", "C", "4", "A", "5"),
		},
		{
			name: "beside a field that was appended",
			edit: func(l *ledger.Ledger) {
				id := l.Append("X", "x")
				l.InsertAbove(id, "W", "w")
				l.InsertBelow(id, "Y", "y")
			},
			want: []string{`SMFIR_ADDHEADER "W" "w"`, `SMFIR_ADDHEADER "X" "x"`, `SMFIR_ADDHEADER "Y" "y"`},
			now:  fields("A", "1", "B", "2", "a", "3", "C", "4", "A", "5", "W", "w", "X", "x", "Y", "y"),
		},
		{
			name: "insert below all is an append", edit: func(l *ledger.Ledger) { l.Insert(5, "X", "x"); l.Insert(99, "Y", "y") },
			want: []string{`SMFIR_ADDHEADER "X" "x"`, `SMFIR_ADDHEADER "Y" "y"`},
			now:  fields("A", "1", "B", "2", "a", "3", "C", "4", "A", "5", "X", "x", "Y", "y"),
		},
		{
			name: "change by name and number", edit: func(l *ledger.Ledger) { l.Change(l.Nth("A", 2), "new") },
			want: []string{`SMFIR_CHGHEADER 2 "a" "new"`},
			now:  fields("A", "1", "B", "2", "a", "new", "C", "4", "A", "5"),
		},
		{
			name: "several changes of one field are one", edit: func(l *ledger.Ledger) { l.Change(1, "x"); l.Change(1, "y") },
			want: []string{`SMFIR_CHGHEADER 1 "A" "y"`},
			now:  fields("A", "y", "B", "2", "a", "3", "C", "4", "A", "5"),
		},
		{
			name: "a change to what it was is none", edit: func(l *ledger.Ledger) { l.Change(1, "x"); l.Change(1, "1") },
			want: []string{}, now: header,
		},
		{
			name: "deletions go from the last to the first",
			edit: func(l *ledger.Ledger) { l.Delete(1); l.Delete(3); l.Delete(5) },
			want: []string{`SMFIR_CHGHEADER 3 "A" ""`, `SMFIR_CHGHEADER 2 "a" ""`, `SMFIR_CHGHEADER 1 "A" ""`},
			now:  fields("B", "2", "C", "4"),
		},
		{
			name: "a change of what is deleted then is none", edit: func(l *ledger.Ledger) { l.Change(2, "x"); l.Rename(2, "Z"); l.Delete(2) },
			want: []string{`SMFIR_CHGHEADER 1 "B" ""`},
			now:  fields("A", "1", "a", "3", "C", "4", "A", "5"),
		},
		{
			name: "what was added and deleted was never there",
			edit: func(l *ledger.Ledger) {
				l.Delete(l.Append("X", "x"))
				l.Delete(l.Insert(1, "Y", "y"))
				l.Delete(l.Prepend("Z", "z"))
			},
			want: []string{}, now: header,
		},
		{
			name: "what was added and changed is added changed",
			edit: func(l *ledger.Ledger) { id := l.Append("X", "x"); l.Change(id, "y"); l.Rename(id, "Y") },
			want: []string{`SMFIR_ADDHEADER "Y" "y"`},
			now:  fields("A", "1", "B", "2", "a", "3", "C", "4", "A", "5", "Y", "y"),
		},
		{
			name: "a new name is a field inserted and one deleted", edit: func(l *ledger.Ledger) { l.Rename(2, "X-B") },
			want: []string{`SMFIR_CHGHEADER 1 "B" ""`, `SMFIR_INSHEADER 2 "X-B" "2"`},
			now:  fields("A", "1", "X-B", "2", "a", "3", "C", "4", "A", "5"),
		},
		{
			name: "a new name and a new value", edit: func(l *ledger.Ledger) { l.Rename(2, "X-B"); l.Change(2, "new") },
			want: []string{`SMFIR_CHGHEADER 1 "B" ""`, `SMFIR_INSHEADER 2 "X-B" "new"`},
			now:  fields("A", "1", "X-B", "new", "a", "3", "C", "4", "A", "5"),
		},
		{
			name: "a new name that differs in case is one too", edit: func(l *ledger.Ledger) { l.Rename(3, "A") },
			want: []string{`SMFIR_CHGHEADER 2 "a" ""`, `SMFIR_INSHEADER 3 "A" "3"`},
			now:  fields("A", "1", "B", "2", "A", "3", "C", "4", "A", "5"),
		},
		{
			name: "the old name again is none", edit: func(l *ledger.Ledger) { l.Rename(2, "X"); l.Rename(2, "B") },
			want: []string{}, now: header,
		},
		{
			name: "an inserted field moves none below, for it is inserted later",
			edit: func(l *ledger.Ledger) { l.Insert(0, "a", "x"); l.Change(l.Nth("A", 3), "new") },
			want: []string{`SMFIR_CHGHEADER 2 "a" "new"`, `SMFIR_INSHEADER 1 "a" "x"`},
			now:  fields("a", "x", "A", "1", "B", "2", "a", "new", "C", "4", "A", "5"),
		},
		{
			name: "one above the MTA's own does not, for it is inserted last",
			edit: func(l *ledger.Ledger) { l.Prepend("A", "x"); l.InsertTop("X", "x"); l.Delete(5) },
			want: []string{`SMFIR_CHGHEADER 3 "A" ""`, `SMFIR_INSHEADER 1 "X" "x"`, `SMFIR_INSHEADER 0 "A" "x"`},
			now:  fields("A", "x", "X", "x", "A", "1", "B", "2", "a", "3", "C", "4"),
		},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			l := show(header...)
			tt.edit(l)
			assert.Equal(t, tt.want, texts(script(t, l, mta.Postfix)))
			assert.Equal(t, len(tt.want) == 0, l.Clean())
			assert.Equal(t, tt.now, now(l))
			for _, f := range flavors {
				assert.Equal(t, tt.now, apply(t, header, script(t, l, f), f).header, "on %v", f)
			}
		})
	}
}

// A script for Postfix completes each place before the next one above it,
// because Postfix reads through all earlier edits. A script for another MTA
// inserts only after all changes, when a wrong index can no longer affect
// another field.
func TestScriptOrder(t *testing.T) {
	t.Parallel()
	l := show(fields("A", "1", "B", "2", "C", "3")...)
	l.Change(1, "new")
	l.Insert(1, "X", "x")
	l.Rename(2, "Y")
	l.Insert(3, "Z", "z")
	l.Delete(3)
	assert.Equal(t, []string{
		`SMFIR_CHGHEADER 1 "C" ""`, `SMFIR_INSHEADER 3 "Z" "z"`, `SMFIR_CHGHEADER 1 "B" ""`,
		`SMFIR_INSHEADER 2 "Y" "2"`, `SMFIR_INSHEADER 2 "X" "x"`, `SMFIR_CHGHEADER 1 "A" "new"`,
	}, texts(script(t, l, mta.Postfix)))
	assert.Equal(t, []string{
		`SMFIR_CHGHEADER 1 "C" ""`, `SMFIR_CHGHEADER 1 "B" ""`, `SMFIR_CHGHEADER 1 "A" "new"`,
		`SMFIR_INSHEADER 10 "Z" "z"`, `SMFIR_INSHEADER 9 "Y" "2"`, `SMFIR_INSHEADER 9 "X" "x"`,
	}, texts(script(t, l, mta.Sendmail)))
}

// Comparisons ignore the case of ASCII letters only. Otherwise a Unicode letter
// could hide a field.
func TestNamesAreASCII(t *testing.T) {
	t.Parallel()
	const hidden, plain = "K\u212a", "\u212ak" // as long as each other, and equal to Unicode
	require.True(t, strings.EqualFold(hidden, plain))
	header := fields(hidden, "1", plain, "2", "S", "3", "\u017f", "4")
	l := show(header...)
	assert.Equal(t, ledger.ID(2), l.Nth(plain, 1))
	assert.Equal(t, ledger.ID(3), l.Nth("s", 1))
	assert.Zero(t, l.Nth("s", 2))
	l.Delete(2)
	assert.Equal(t, []string{`SMFIR_CHGHEADER 1 "` + plain + `" ""`}, texts(script(t, l, mta.Postfix)))
}

// Some MTAs separate the lines of a value with CRLF. A script uses only LF.
func TestRenamedValueHasLF(t *testing.T) {
	t.Parallel()
	l := show(fields("A", "1\r\n\t2")...)
	l.Rename(1, "B")
	assert.Equal(t, `SMFIR_INSHEADER 1 "B" "1\n\t2"`, script(t, l, mta.Postfix)[1].String())
}

func TestScriptError(t *testing.T) {
	t.Parallel()
	l := show(fields("A", "1")...)
	l.Append("X", "a\x00b")
	out, err := l.Script([]byte("before"), ledger.Postfix)
	require.Error(t, err)
	assert.Equal(t, "before", string(out), "nothing is left of a script that failed")
}

func TestReset(t *testing.T) {
	t.Parallel()
	l := show(fields("A", "1", "B", "2")...)
	l.Prepend("X", "x")
	l.Rename(1, "C")
	n, size := l.Size()
	assert.Equal(t, 2, n)
	assert.Equal(t, 4, size)
	for range 1000 {
		l.Show([]byte("Long"), make([]byte, 100))
	}
	l.Reset()
	assert.True(t, l.Clean())
	n, size = l.Size()
	assert.Zero(t, n+size)
	l.Show([]byte("D"), []byte("4"))
	assert.Equal(t, fields("D", "4"), now(l))
	assert.Empty(t, script(t, l, mta.Postfix))
}

// If the MTA shows values with their leading space, a renamed field has one, as
// the MTA writes it otherwise.
func TestRenamedValueHasSpace(t *testing.T) {
	t.Parallel()
	for value, want := range map[string]string{"1": " 1", " 1": " 1", "  1": "  1", "\t1": " \t1", "": " "} {
		l := show(fields("A", value)...)
		l.LeadSpace = true
		l.Rename(1, "B")
		assert.Equal(t, fields("B", want), now(l))
		l.Rename(1, "A")
		assert.Equal(t, fields("A", value), now(l))
		assert.Empty(t, script(t, l, mta.Postfix))
	}
}

func TestFieldsStops(t *testing.T) {
	t.Parallel()
	seen := 0
	for range show(fields("A", "1", "B", "2")...).Fields {
		seen++
		break
	}
	assert.Equal(t, 1, seen)
}
