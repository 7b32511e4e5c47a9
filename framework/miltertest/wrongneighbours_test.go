package miltertest_test

import (
	"errors"

	"github.com/sluicemail/sluice/framework"
)

// deletes deletes the fields of a name, whoever added them.
func deletes(s *session, headers framework.KeptHeader, change framework.HeaderChanger, name string) error {
	var all error
	for f := range headers.Named(s, name) {
		all = errors.Join(all, change.Delete(s, f.Handle))
	}
	return all
}

// removesAll removes fields by their name, whoever added them.
func removesAll() framework.Filter {
	return register(func(r *router) {
		headers, change := r.WantHeaders(), r.GrantChangeHeader()
		r.OnEndOfMessage(func(s *session, _ *endOfMessage) (verdict, error) {
			return framework.Continue, deletes(s, headers, change, "Miltertest-Neighbour")
		})
	})
}

// replacesItsField removes forged fields by their name, before it adds its own. No message
// of the suite has such a field.
func replacesItsField() framework.Filter {
	return register(func(r *router) {
		headers, change, add := r.WantHeaders(), r.GrantChangeHeader(), r.GrantAddHeader()
		r.OnEndOfMessage(func(s *session, _ *endOfMessage) (verdict, error) {
			return framework.Continue, errors.Join(deletes(s, headers, change, "X-Checked"), add.Append(s, "X-Checked", "yes"))
		})
	})
}

// renamesSubjects renames the first Subject, whoever added it.
func renamesSubjects() framework.Filter {
	return register(func(r *router) {
		headers, rename := r.WantHeaders(), r.GrantRenameHeader()
		r.OnEndOfMessage(func(s *session, _ *endOfMessage) (verdict, error) {
			if f, ok := headers.First(s, "Subject"); ok {
				return framework.Continue, rename.Rename(s, f.Handle, "X-Old-Subject")
			}
			return framework.Continue, nil
		})
	})
}

// expectsItsFields fails if another filter adds a field.
func expectsItsFields() framework.Filter {
	return register(func(r *router) {
		headers := r.WantHeaders()
		r.OnEndOfMessage(func(s *session, _ *endOfMessage) (verdict, error) {
			for f := range headers.All(s) {
				if f.Origin.Added() {
					return framework.Continue, errors.New("a field of another filter")
				}
			}
			return framework.Continue, nil
		})
	})
}

// countsFields counts the fields of other filters as well.
func countsFields() framework.Filter {
	return register(func(r *router) {
		headers := r.WantHeaders()
		field(r, "X-Fields", func(s *session) any {
			n := 0
			for range headers.All(s) {
				n++
			}
			return n
		})
	})
}

// expectsTheClientsFields fails if another filter changes a field.
func expectsTheClientsFields() framework.Filter {
	return register(func(r *router) {
		headers := r.WantHeaders()
		r.OnEndOfMessage(func(s *session, _ *endOfMessage) (verdict, error) {
			for f := range headers.All(s) {
				if f.Origin.Changed {
					return framework.Continue, errors.New("a field that another filter changed")
				}
			}
			return framework.Continue, nil
		})
	})
}

// countsRecipients relies on the envelope at the end having the recipients that the client
// named.
func countsRecipients() framework.Filter {
	return register(func(r *router) {
		envelope, seen := r.WantEnvelope(), framework.PerMessage[int](r)
		r.ObserveRcpt(func(s *session, _ *framework.Rcpt) error {
			*seen.Get(s)++
			return nil
		})
		r.OnEndOfMessage(func(s *session, _ *endOfMessage) (verdict, error) {
			if len(envelope.Recipients(s)) != *seen.Get(s) {
				return framework.Continue, errors.New("a recipient was not checked")
			}
			return framework.Continue, nil
		})
	})
}
