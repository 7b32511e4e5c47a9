package taping_test

import (
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/sluicemail/sluice/framework/internal/spool"
	"github.com/sluicemail/sluice/framework/internal/tape"
	"github.com/sluicemail/sluice/framework/internal/taping"
	"github.com/sluicemail/sluice/wire"
)

// machine is a Writer with what its tests tell it.
type machine struct {
	taping.Writer
	reads   uint64
	session int
}

// newMachine returns the Writer of a session with two filters, which records all.
func newMachine(change ...func(*taping.Config)) *machine {
	m := &machine{session: 1}
	cfg := &taping.Config{
		Bytes: 1 << 20, Header: true, Body: true, Memory: new(spool.Budget),
		Peer: "mta", ID: func() string { return fmt.Sprint("session", m.session) }, Filters: 2,
	}
	for _, f := range change {
		f(cfg)
	}
	m.Init(cfg)
	m.AddFilter("first", false)
	m.AddFilter("second", true)
	return m
}

// send sends commands that came together.
func (m *machine) send(commands ...string) {
	m.reads++
	for _, c := range commands {
		m.Command(wire.Frame{Code: c[0], Data: []byte(c[1:])}, m.reads)
		m.Write()
	}
}

// greet brings the session to its first message.
func (m *machine) greet() { m.send("O", "DCj", "Cclient", "Hname") }

// end ends the open record, and returns its entries.
func (m *machine) end(t *testing.T, how taping.Ending) []string {
	t.Helper()
	m.EndCalls()
	for i := range 2 {
		m.EndFilter(i, false, false, how.Number > 0)
	}
	defer m.Done()
	return entries(t, m.End(&how).Bytes)
}

// message ends the record of a message.
func (m *machine) message(t *testing.T) []string {
	t.Helper()
	require.True(t, m.EndMessage())
	return m.end(t, taping.Ending{Number: 1, State: tape.StateAccepted})
}

// entries returns the entries of a record in words, without times.
func entries(t *testing.T, rec []byte) (list []string) {
	t.Helper()
	r := tape.NewReader(rec)
	for r.Next() {
		switch k := r.Kind(); k {
		case tape.KindTime:
			continue
		case tape.KindSession:
			s := r.Session()
			list = append(list, "S "+s.ID+" "+s.Peer)
		case tape.KindFilter:
			name, dryRun := r.Filter()
			list = append(list, fmt.Sprint("F ", name, " ", dryRun))
		case tape.KindCommand, tape.KindReply:
			f := r.Frame()
			list = append(list, fmt.Sprintf("%c %c%s", k, f.Code, f.Data))
		case tape.KindCommandSize, tape.KindReplySize:
			f := r.Frame()
			list = append(list, fmt.Sprintf("%c %c %d", k, f.Code, f.Size))
		case tape.KindCall:
			c := r.Call()
			list = append(list, fmt.Sprintf("L %d stage %d: %d in %d, at most %d", c.Filter, c.Stage, c.Count, c.Total, c.Longest))
		case tape.KindVerdict:
			v := r.Verdict()
			list = append(list, fmt.Sprintf("V %d kind %d", v.Filter, v.Kind))
		case tape.KindError:
			f := r.Failure()
			list = append(list, fmt.Sprintf("X %d %s", f.Filter, f.Text))
		case tape.KindNote:
			n := r.Note()
			list = append(list, fmt.Sprintf("N %d %s in %d", n.Filter, n.Text, n.Took))
		case tape.KindBody:
			b := r.Body()
			list = append(list, fmt.Sprintf("B %d %d of %d", b.Filter, len(b.Data), b.Size))
		case tape.KindEnd:
			var e tape.End
			r.End(&e)
			list = append(list, fmt.Sprintf("Z %c failed %t cut %t work %d %d", e.State, e.Failed, e.Cut, e.Filters[0].Work, e.Filters[1].Work))
		default:
			list = append(list, string(k))
		}
	}
	require.NoError(t, r.Err())
	return list
}
