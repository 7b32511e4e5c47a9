package inspect_test

import (
	"bufio"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/sluicemail/sluice/framework/inspect"
	"github.com/sluicemail/sluice/framework/inspect/record"
)

// A browser that follows the list gets each message once, although what it names as the last one
// is not the ID of a message.
func TestFollowBehindUnknownID(t *testing.T) {
	t.Parallel()
	in, rec := newInspector(t, inspect.Config{}), recordingOf(t, short)
	srv := httptest.NewServer(in)
	t.Cleanup(srv.Close)
	in.Record(&rec)
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, srv.URL+"/api/events?after=zzzz", nil)
	require.NoError(t, err)
	res, err := srv.Client().Do(req)
	require.NoError(t, err)
	defer func() { assert.NoError(t, res.Body.Close()) }()
	var seen []string
	for lines := bufio.NewScanner(res.Body); len(seen) < 3 && lines.Scan(); {
		data, ok := strings.CutPrefix(lines.Text(), "data: ")
		if !ok {
			continue
		}
		var event struct {
			Messages []record.Summary `json:"messages"`
		}
		require.NoError(t, json.Unmarshal([]byte(data), &event))
		require.Len(t, event.Messages, 1)
		assert.NotContains(t, seen, event.Messages[0].ID)
		seen = append(seen, event.Messages[0].ID)
		in.Record(&rec)
	}
	assert.Len(t, seen, 3)
}
