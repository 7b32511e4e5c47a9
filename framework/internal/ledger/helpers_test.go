package ledger_test

import (
	"bytes"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/sluicemail/sluice/framework/internal/ledger"
	"github.com/sluicemail/sluice/wire"
	"github.com/sluicemail/sluice/wire/mta"
)

// flavors are the MTAs that scripts are written for.
var flavors = []mta.Flavor{mta.Postfix, mta.Sendmail}

var kinds = map[mta.Flavor]ledger.MTA{mta.Postfix: ledger.Postfix, mta.Sendmail: ledger.Sendmail}

// show records a header in a new ledger.
func show(header ...mta.Field) *ledger.Ledger {
	l := new(ledger.Ledger)
	for _, f := range header {
		l.Show([]byte(f.Name), []byte(f.Value))
	}
	return l
}

// fields returns a header of the given names and values.
func fields(pairs ...string) []mta.Field {
	header := []mta.Field{}
	for i := 0; i < len(pairs); i += 2 {
		header = append(header, mta.Field{Name: pairs[i], Value: pairs[i+1]})
	}
	return header
}

// now returns the edited header of a ledger.
func now(l *ledger.Ledger) []mta.Field {
	header := []mta.Field{}
	for id := range l.Fields {
		header = append(header, mta.Field{Name: l.Name(id), Value: l.Value(id)})
	}
	return header
}

// script returns the modifications that the ledger sends to the MTA.
func script(t testing.TB, l *ledger.Ledger, f mta.Flavor) []wire.Reply {
	t.Helper()
	out, err := l.Script(nil, kinds[f])
	require.NoError(t, err)
	var mods []wire.Reply
	dec := wire.NewDecoder(new(wire.BufferPool), wire.Limit1M)
	for in := bytes.NewReader(out); ; {
		f, ok, err := dec.Next()
		require.NoError(t, err)
		if ok {
			r, err := wire.ParseReply(f)
			require.NoError(t, err)
			mods = append(mods, r)
			continue
		}
		if in.Len() == 0 {
			require.Zero(t, dec.Buffered(), "the script ends within a frame")
			return mods
		}
		_, err = dec.Fill(in)
		require.NoError(t, err)
	}
}

// result is a header after a script, and the number of its fields above the
// MTA's own Received field.
type result struct {
	header []mta.Field
	above  int
}

func apply(t testing.TB, header []mta.Field, mods []wire.Reply, f mta.Flavor) result {
	t.Helper()
	m, err := mta.Apply(&mta.Message{Header: header}, mods, f, wire.ProtoHdrLeadSpc)
	require.NoError(t, err)
	return result{append([]mta.Field{}, m.Header...), m.Above}
}

func texts(mods []wire.Reply) []string {
	list := []string{}
	for _, m := range mods {
		list = append(list, m.String())
	}
	return list
}
