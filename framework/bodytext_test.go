package framework_test

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/sluicemail/sluice/framework"
	"github.com/sluicemail/sluice/framework/miltertest"
)

func TestBodyText(t *testing.T) {
	t.Parallel()
	source := []byte("one\ntwo\r\n")
	text, err := framework.NewBodyText(source)
	require.NoError(t, err)
	source[0] = 'X' // the text is a copy
	assert.Equal(t, 10, text.Len())

	r := framework.NewRouter()
	replace := r.GrantReplaceBody()
	r.OnEndOfMessage(func(s *framework.Session, _ *framework.EndOfMessage) (framework.Verdict, error) {
		return framework.Continue, replace.ReplaceText(s, text)
	})
	conn := miltertest.NewRouterServer(t, r).Dial(t)
	for range 2 {
		res := conn.Run(t, miltertest.Message("From: a@example.org\n\nhi\n"))
		res.AssertAccepted(t)
		assert.Equal(t, "one\r\ntwo\r\n", string(res.Edited.Body))
	}
}

func TestBodyTextRefuses(t *testing.T) {
	t.Parallel()
	_, err := framework.NewBodyText([]byte("a\rb"))
	var bad *framework.ValueError
	require.ErrorAs(t, err, &bad)
	assert.Equal(t, "body", bad.What)
}

func TestBodyTextWithoutGrant(t *testing.T) {
	t.Parallel()
	r := framework.NewRouter()
	r.OnEndOfMessage(func(s *framework.Session, _ *framework.EndOfMessage) (framework.Verdict, error) {
		assert.ErrorIs(t, framework.BodyReplacer{}.ReplaceText(s, framework.BodyText{}), framework.ErrNoGrant)
		return framework.Continue, nil
	})
	miltertest.RunRouter(t, r, miltertest.Message("From: a@example.org\n\nhi\n")).AssertUnmodified(t)
}
