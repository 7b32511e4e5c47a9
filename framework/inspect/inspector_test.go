package inspect_test

import (
	"context"
	"encoding/json"
	"net"
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/sluicemail/sluice/framework"
	"github.com/sluicemail/sluice/framework/inspect"
	"github.com/sluicemail/sluice/framework/inspect/record"
	"github.com/sluicemail/sluice/framework/miltertest"
)

// newInspector returns an Inspector that is closed at the end of the test.
func newInspector(t testing.TB, config inspect.Config) *inspect.Inspector {
	t.Helper()
	in, err := inspect.New(config)
	require.NoError(t, err)
	t.Cleanup(func() { assert.NoError(t, in.Close()) })
	return in
}

// records makes a server of miltertest record.
func records(in *inspect.Inspector) miltertest.Option {
	return miltertest.Configure(func(cfg *framework.Config) { cfg.Recorder = in })
}

// get asks the page as a program on the same host would, and returns the body.
func get(t testing.TB, in *inspect.Inspector, path string) []byte {
	t.Helper()
	req := httptest.NewRequest(http.MethodGet, "http://127.0.0.1:8025"+path, nil)
	req = req.WithContext(context.WithValue(req.Context(), http.LocalAddrContextKey,
		&net.TCPAddr{IP: net.IPv4(127, 0, 0, 1), Port: 8025}))
	w := httptest.NewRecorder()
	in.ServeHTTP(w, req)
	require.Equal(t, http.StatusOK, w.Code, "%s: %s", path, w.Body)
	return w.Body.Bytes()
}

// list returns the summaries that the page lists, newest first.
func list(t testing.TB, in *inspect.Inspector, query string) []record.Summary {
	t.Helper()
	var out struct {
		Messages []record.Summary `json:"messages"`
	}
	require.NoError(t, json.Unmarshal(get(t, in, "/api/messages?"+query), &out))
	return out.Messages
}

// whole returns a message of the page.
func whole(t testing.TB, in *inspect.Inspector, id string) *record.Message {
	t.Helper()
	m := new(record.Message)
	require.NoError(t, json.Unmarshal(get(t, in, "/api/messages/"+id), m))
	return m
}

func TestInspector(t *testing.T) {
	t.Parallel()
	in := newInspector(t, inspect.Config{})
	filter := miltertest.FilterFunc("tagger", func(r *framework.Router) error {
		add := r.GrantAddHeader()
		r.OnEndOfMessage(func(s *framework.Session, _ *framework.EndOfMessage) (framework.Verdict, error) {
			return framework.Continue, add.Append(s, "X-Seen", "yes")
		})
		return nil
	})
	miltertest.Run(t, filter, miltertest.Message("Subject: one\n\nx\n", miltertest.QueueID("4ABC")), records(in))
	miltertest.Run(t, filter, miltertest.Message("Subject: two\n\nx\n", miltertest.QueueID("4DEF")), records(in))
	found := list(t, in, "")
	require.Len(t, found, 2)
	assert.Equal(t, "4DEF", found[0].QueueID, "the newest comes first")
	assert.Equal(t, record.KeptSampled, found[0].Kept)
	assert.Less(t, found[1].ID, found[0].ID)
	m := whole(t, in, found[1].ID)
	assert.Equal(t, []string{"tagger"}, m.EditedBy)
	assert.Equal(t, record.ContentHeader, m.Content)
}
