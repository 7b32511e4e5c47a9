package authres_test

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/sluicemail/sluice/contrib/authres"
	"github.com/sluicemail/sluice/framework"
	"github.com/sluicemail/sluice/framework/miltertest"
)

// hosted is a filter that writes a field with a configured ID, or that of the MTA.
func hosted(configured, method string) framework.Filter {
	return miltertest.FilterFunc(method, func(r *framework.Router) error {
		host, collector := authres.NewHost(r), authres.NewCollector(r)
		r.OnEndOfMessage(func(s *framework.Session, _ *framework.EndOfMessage) (framework.Verdict, error) {
			name, err := host.ID(s, configured)
			if err != nil {
				return framework.Continue, err
			}
			return framework.Continue, collector.Write(s, name, pass(method, property("smtp", "mailfrom", "jörg@bücher.example")))
		})
		return nil
	})
}

// TestHost runs a filter with an ID and one without. They write one field, in ASCII.
func TestHost(t *testing.T) {
	t.Parallel()
	for _, p := range mtas() {
		r := framework.NewRouter()
		r.Mount(hosted("", "spf"))
		r.Mount(hosted(id, "x-other"))
		msg := miltertest.Message(letter, miltertest.Macro(framework.StageConnect, "j", id), miltertest.From("jörg@bücher.example", "SMTPUTF8"))
		res := miltertest.RunRouter(t, r, msg, miltertest.As(p))
		assert.Equal(t, []string{
			id + ";\n\tspf=pass smtp.mailfrom=@xn--bcher-kva.example;\n\tx-other=pass smtp.mailfrom=@xn--bcher-kva.example",
		}, res.HeaderValues(authres.FieldName))
	}
}

// TestNoHost runs a filter without an ID behind an MTA that does not send its name.
func TestNoHost(t *testing.T) {
	t.Parallel()
	var err error
	r := framework.NewRouter()
	host := authres.NewHost(r)
	r.OnEndOfMessage(func(s *framework.Session, _ *framework.EndOfMessage) (framework.Verdict, error) {
		_, err = host.ID(s, "")
		return framework.Continue, nil
	})
	miltertest.RunRouter(t, r, miltertest.Message(letter, miltertest.Macro(framework.StageConnect, "j", "")))
	require.ErrorIs(t, err, authres.ErrNoHost)
}
