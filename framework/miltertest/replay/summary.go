package replay

import (
	"cmp"
	"slices"
)

// The exit statuses of programs that replay. 1 is for errors, 2 for wrong arguments, and 3 is
// what "-check -against" returns for a configuration that needs a restart.
const (
	ExitSame          = 0 // all records were replayed, and no message is treated differently
	ExitDiffers       = 4 // messages are treated differently
	ExitNotReplayable = 5 // no difference, but some records could not be replayed
)

// Summary sums up results.
type Summary struct {
	// Records is the number of records, Different that of the records with a message that
	// is treated differently, and NotReplayable that of the records that could not be
	// replayed.
	Records       int `json:"records"`
	Different     int `json:"different"`
	NotReplayable int `json:"not_replayable"`
	// Kinds are the kinds of differences, in the order of [Kinds]. A record may have
	// several.
	Kinds []Group `json:"kinds,omitempty"`
	// Reasons are the reasons why records could not be replayed, and Assumed is what was
	// assumed, the most frequent first.
	Reasons []Group `json:"reasons,omitempty"`
	Assumed []Group `json:"assumed,omitempty"`
	// Added and Removed are what the new filter asks of the MTA, and what it does not ask
	// for any more: see [Plan].
	Added   []Group `json:"plan_added,omitempty"`
	Removed []Group `json:"plan_removed,omitempty"`
}

// Group is a number of records that have something in common.
type Group struct {
	Name  string `json:"name"`
	Count int    `json:"count"`
	// First are the first of them, by queue identifier, or by the identifier of the record
	// if it has none. There are [MaxListed] at most.
	First []string `json:"first"`
}

// MaxListed is the number of records that a [Group] lists.
const MaxListed = 20

// maxGroups is the number of groups of a kind. The texts of reasons may come from mail.
const maxGroups = 100

func newSummary() *Summary { return new(Summary) }

// Status returns the exit status of a program: see [ExitSame].
func (s *Summary) Status() int {
	switch {
	case s.Different > 0:
		return ExitDiffers
	case s.NotReplayable > 0:
		return ExitNotReplayable
	default:
		return ExitSame
	}
}

// add counts a result.
func (s *Summary) add(r *Result) {
	s.Records++
	name := r.Name()
	for _, a := range r.Assumed {
		s.Assumed = count(s.Assumed, a, name)
	}
	if r.NotReplayable != "" {
		s.NotReplayable++
		s.Reasons = count(s.Reasons, r.NotReplayable, name)
	}
	if r.Differs() {
		s.Different++
	}
	for _, kind := range r.Kinds() {
		s.Kinds = count(s.Kinds, string(kind), name)
	}
	if p := r.Plan; p != nil {
		for _, what := range p.Added {
			s.Added = count(s.Added, what, name)
		}
		for _, what := range p.Removed {
			s.Removed = count(s.Removed, what, name)
		}
	}
	byFrequency(s.Reasons)
	byFrequency(s.Assumed)
	order := Kinds()
	slices.SortFunc(s.Kinds, func(a, b Group) int {
		return cmp.Compare(slices.Index(order, Kind(a.Name)), slices.Index(order, Kind(b.Name)))
	})
}

func byFrequency(groups []Group) {
	slices.SortStableFunc(groups, func(a, b Group) int { return cmp.Compare(b.Count, a.Count) })
}

// Name returns the queue identifier of the message, or the identifier of the record if there
// is none.
func (r *Result) Name() string { return cmp.Or(r.QueueID, r.ID) }

// count adds a record to its group. Above maxGroups the last group takes the rest.
func count(groups []Group, name, record string) []Group {
	const rest = "other reasons"
	i := slices.IndexFunc(groups, func(g Group) bool { return g.Name == name })
	if i < 0 && len(groups) >= maxGroups {
		name = rest
		i = slices.IndexFunc(groups, func(g Group) bool { return g.Name == rest })
	}
	if i < 0 {
		groups = append(groups, Group{Name: name})
		i = len(groups) - 1
	}
	groups[i].Count++
	if record != "" && len(groups[i].First) < MaxListed {
		groups[i].First = append(groups[i].First, record)
	}
	return groups
}
