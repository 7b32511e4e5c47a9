package framework_test

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/sluicemail/sluice/framework"
	"github.com/sluicemail/sluice/framework/miltertest"
)

func TestPrepare(t *testing.T) {
	t.Parallel()
	source := []byte("one\ntwo\r\n")
	r := framework.NewRouter()
	replace, err := r.GrantReplaceBody().Prepare(source)
	require.NoError(t, err)
	source[0] = 'X' // the body is a copy
	r.OnEndOfMessage(func(s *framework.Session, _ *framework.EndOfMessage) (framework.Verdict, error) {
		return framework.Continue, replace(s)
	})
	conn := miltertest.NewRouterServer(t, r).Dial(t)
	for range 2 {
		res := conn.Run(t, miltertest.Message("From: a@example.org\n\nhi\n"))
		res.AssertAccepted(t)
		assert.Equal(t, "one\r\ntwo\r\n", string(res.Edited.Body))
	}
}

func TestPrepareRefuses(t *testing.T) {
	t.Parallel()
	_, err := framework.NewRouter().GrantReplaceBody().Prepare([]byte("a\rb"))
	var bad *framework.ValueError
	require.ErrorAs(t, err, &bad)
	assert.Equal(t, "body", bad.What)
}

func TestPrepareWithoutGrant(t *testing.T) {
	t.Parallel()
	r := framework.NewRouter()
	r.OnEndOfMessage(func(s *framework.Session, _ *framework.EndOfMessage) (framework.Verdict, error) {
		replace, err := framework.BodyReplacer{}.Prepare([]byte("x\n"))
		require.NoError(t, err)
		assert.ErrorIs(t, replace(s), framework.ErrNoGrant)
		return framework.Continue, nil
	})
	miltertest.RunRouter(t, r, miltertest.Message("From: a@example.org\n\nhi\n")).AssertUnmodified(t)
}
