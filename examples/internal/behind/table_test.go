package behind_test

import (
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/sluicemail/sluice/examples/internal/behind"
	"github.com/sluicemail/sluice/framework"
	"github.com/sluicemail/sluice/framework/miltertest"
	"github.com/sluicemail/sluice/wire"
)

// table is the tables of a page in Markdown: the cells by their row and column, without markup.
type table map[string]map[string]string

var links = regexp.MustCompile(`\[([^\]]*)\]\([^)]*\)`)

// readTable reads the rows whose columns are the servers.
func readTable(t *testing.T, path string) table {
	t.Helper()
	text, err := os.ReadFile(path)
	require.NoError(t, err)
	rows := make(table)
	var columns []string
	for line := range strings.Lines(string(text)) {
		line = links.ReplaceAllString(strings.NewReplacer("**", "", "`", "").Replace(strings.TrimSpace(line)), "$1")
		cells := strings.Split(strings.Trim(line, "|"), "|")
		for i := range cells {
			cells[i] = strings.TrimSpace(cells[i])
		}
		switch {
		case !strings.HasPrefix(line, "|"), strings.HasPrefix(line, "|---"):
		case slices.Contains(cells, "Maddy"):
			columns = cells
		case len(cells) == len(columns) && slices.Contains(columns, "Sendmail"):
			row := make(map[string]string)
			for i, cell := range cells {
				row[columns[i]] = cell
			}
			rows[cells[0]] = row
		}
	}
	return rows
}

// TestPage compares what is known of the servers with the page that says it.
func TestPage(t *testing.T) {
	t.Parallel()
	page := readTable(t, "../../../docs/mtas.md")
	cell := func(s *behind.Server, row string) string {
		t.Helper()
		require.Contains(t, page, row)
		text, ok := page[row][s.Title]
		require.True(t, ok, "%s has no column %s", row, s.Title)
		return text
	}
	grants := map[string]wire.Actions{
		"add and insert fields":    wire.ActionAddHdrs,
		"change and delete fields": wire.ActionChgHdrs,
		"replace the body":         wire.ActionChgBody,
		"sender and recipients":    wire.ActionAddRcpt | wire.ActionAddRcptPar | wire.ActionDelRcpt | wire.ActionChgFrom,
		"quarantine":               wire.ActionQuarantine,
		"choose the macros":        wire.ActionSetSymList,
	}
	for _, s := range behind.Servers() {
		for row, actions := range grants {
			assert.Equal(t, s.Offer.Actions.Has(actions), cell(&s, row) != "no", "%s: %s", s.Title, row)
		}
		assert.Contains(t, cell(&s, "protocol version"), "6")
		assert.EqualValues(t, 6, s.Offer.Version)
		assert.Equal(t, s.Offer.Protocol == 0, cell(&s, "leave out stages, and answers to them") == "none", s.Title)
		for row, stage := range map[string]framework.Stage{"DATA": framework.StageData, "unknown commands": framework.StageUnknown} {
			assert.Equal(t, slices.Contains(s.Unsent, stage), cell(&s, row) == "no", "%s: %s", s.Title, row)
		}
		for _, h := range s.Habits {
			assert.Contains(t, cell(&s, h.Row), h.Cell, "%s: %s", s.Title, h.Row)
			assert.Zero(t, h.Concerns&s.Offer.Protocol, "%s: %s", s.Title, h.Row)
		}
		if s.Macros != nil {
			assert.Equal(t, sorted(s.Macros), cell(&s, "no other macros than"), s.Title)
		}
		assert.Equal(t, sorted(s.Without), cell(&s, "never the macros"), s.Title)
	}
}

func sorted(names []string) string { return strings.Join(slices.Sorted(slices.Values(names)), ", ") }

// The simulated servers offer the same.
func TestPersonalities(t *testing.T) {
	t.Parallel()
	for name, p := range map[string]miltertest.Personality{
		"postfix": miltertest.Postfix().Version(6), "sendmail": miltertest.Sendmail(), "maddy": miltertest.Maddy(), "stalwart": miltertest.Stalwart(),
	} {
		s, ok := behind.Find(name)
		require.True(t, ok)
		assert.Equal(t, p.MTA.Offer, s.Offer, name)
	}
}

func TestNames(t *testing.T) {
	t.Parallel()
	assert.True(t, slices.IsSorted(behind.Names()))
	assert.Len(t, behind.Names(), len(behind.Servers()))
	for _, name := range behind.Names() {
		s, ok := behind.Find(name)
		assert.True(t, ok)
		assert.Equal(t, name, s.Name)
	}
	_, ok := behind.Find("exim")
	assert.False(t, ok)
}

// TestStalwartMacros compares the macros with those that the simulated Stalwart sends.
func TestStalwartMacros(t *testing.T) {
	t.Parallel()
	s, _ := behind.Find("stalwart")
	var missing []string
	r := framework.NewRouter()
	for _, name := range s.Macros {
		at, ok := framework.StageOfMacro(name)
		if !ok {
			at = framework.StageConnect
		}
		m := r.WantMacro(at, name)
		r.ObserveRcpt(func(s *framework.Session, _ *framework.Rcpt) error {
			if _, ok := m.Value(s); !ok {
				missing = append(missing, name)
			}
			return nil
		})
	}
	r.OnEndOfMessage(func(*framework.Session, *framework.EndOfMessage) (framework.Verdict, error) {
		return framework.Continue, nil
	})
	miltertest.RunRouter(t, r, miltertest.Message("A: b\n\nc\n", miltertest.Auth("ann")), miltertest.As(miltertest.Stalwart())).AssertAccepted(t)
	assert.Empty(t, missing)
}

// A habit that is about a modification is told only if the plan asks for that.
func TestHabitsOfModifications(t *testing.T) {
	t.Parallel()
	for name, habit := range map[string]string{"stalwart": "quarantine: becomes a header field", "maddy": "quarantine: the target decides"} {
		s, ok := behind.Find(name)
		require.True(t, ok)
		for _, asks := range []bool{false, true} {
			r := framework.NewRouter()
			if asks {
				r.GrantQuarantine()
			}
			r.OnEndOfMessage(func(*framework.Session, *framework.EndOfMessage) (framework.Verdict, error) {
				return framework.Continue, nil
			})
			plan, err := r.Plan()
			require.NoError(t, err)
			var out strings.Builder
			require.NoError(t, behind.Report(&out, plan, &s, nil))
			assert.Equal(t, asks, strings.Contains(out.String(), habit), out.String())
			assert.NotContains(t, out.String(), "replace the body")
		}
	}
}
