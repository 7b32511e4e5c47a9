package dkim

import (
	"slices"

	"github.com/sluicemail/sluice/contrib/authres"
)

// FormatResults returns the value of an Authentication-Results field (RFC 8601)
// with one line for each result. Lines are separated by LF, and folded if they
// are long. The error is that of [authres.Format], such as for an authserv-id that
// is empty. The filter itself adds its results to those of earlier filters: see
// [authres.Collector].
func FormatResults(authservID string, results []Result) (string, error) {
	return authres.Format(authres.Field{ID: authservID, Results: forField(results)})
}

// forField returns results in the form of an Authentication-Results field.
func forField(results []Result) []authres.Result {
	list := make([]authres.Result, len(results))
	for i := range results {
		list[i] = results[i].AuthRes()
	}
	return list
}

// AuthRes returns the result in the form of an Authentication-Results field (RFC 8601
// section 2.7.1 and RFC 6008), without properties that are empty.
func (r *Result) AuthRes() authres.Result {
	return authres.Result{
		Method: "dkim",
		Value:  string(r.Status),
		Reason: r.Reason,
		Properties: slices.DeleteFunc([]authres.Property{
			{Type: "header", Name: "a", Value: r.Algorithm},
			{Type: "header", Name: "b", Value: r.Signature},
			{Type: "header", Name: "d", Value: r.Domain},
			{Type: "header", Name: "i", Value: r.AUID},
			{Type: "header", Name: "s", Value: r.Selector},
		}, func(p authres.Property) bool { return p.Value == "" }),
	}
}
