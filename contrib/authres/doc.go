// Package authres reads, judges and writes Authentication-Results fields (RFC 8601), for
// filters that check the authentication of mail.
//
//   - [Parse] reads a field of any host. It takes what hosts really write: methods and
//     properties that are in no registry, results without a value, comments anywhere.
//   - [Format] writes a field of this host. It quotes what needs quotes, and folds. What it
//     writes has one form only, whatever a sender put into a value.
//   - [Claims] reports whether a field claims to be of one of the given hosts, in any
//     spelling. [Judge] decides which fields of a message are forged: those that claim to be
//     of this host and came with the mail. [Remover] deletes them.
//   - [Collector] writes the results of all filters of a router into one field, in ASCII.
//   - [Host] is the authserv-id of a filter that has none in its configuration.
//
// A filter that checks SPF uses it like this:
//
//	func (f *Filter) Register(r *framework.Router) error {
//		forged, results := authres.NewRemover(r), authres.NewCollector(r)
//		r.OnEndOfMessage(func(s *framework.Session, _ *framework.EndOfMessage) (framework.Verdict, error) {
//			if _, err := forged.Remove(s, authres.Judge{IDs: []string{f.id}}); err != nil {
//				return framework.Continue, err
//			}
//			return framework.Continue, results.Write(s, f.id, f.check(s))
//		})
//		return nil
//	}
package authres
