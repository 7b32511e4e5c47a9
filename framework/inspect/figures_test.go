package inspect_test

import (
	"encoding/json"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/sluicemail/sluice/framework"
	"github.com/sluicemail/sluice/framework/inspect"
	"github.com/sluicemail/sluice/framework/inspect/internal/page"
	"github.com/sluicemail/sluice/framework/miltertest"
)

// serverView returns what the view of the server shows.
func serverView(t testing.TB, in *inspect.Inspector) page.Server {
	t.Helper()
	var view page.Server
	require.NoError(t, json.Unmarshal(get(t, in, "/api/server"), &view))
	return view
}

// counts returns how many messages ended, and how many were recorded.
func counts(t testing.TB, in *inspect.Inspector) (seen, kept uint64) {
	t.Helper()
	r := serverView(t, in).Recording
	return r.Seen, r.Kept
}

// mixed runs a filter that accepts, edits, refuses and fails.
func mixed(t *testing.T, in *inspect.Inspector) {
	t.Helper()
	r := framework.NewRouter()
	r.Mount(miltertest.FilterFunc("decider", func(r *framework.Router) error {
		header, add := r.WantHeaders(), r.GrantAddHeader()
		r.OnEndOfMessage(func(s *framework.Session, _ *framework.EndOfMessage) (framework.Verdict, error) {
			field, _ := header.First(s, "Subject")
			switch field.Value {
			case "edit":
				return framework.Accept, add.Append(s, "X-A", "b")
			case "refuse":
				return framework.Reject, nil
			case "fail":
				return framework.Continue, errors.New("the disk is on fire")
			}
			return framework.Accept, nil
		})
		return nil
	}))
	for _, subject := range []string{"pass", "edit", "edit", "refuse", "fail"} {
		miltertest.RunRouter(t, r, miltertest.Message("Subject: "+subject+"\n\nx\n"), records(in))
	}
}

// The view of the server counts what happened, minute by minute.
func TestFigures(t *testing.T) {
	t.Parallel()
	in := newInspector(t, inspect.Config{})
	mixed(t, in)
	view := serverView(t, in)
	assert.EqualValues(t, 5, view.Recording.Seen)
	assert.EqualValues(t, 5, view.Recording.Kept)
	assert.Equal(t, 5, view.Recording.Records)
	require.NotNil(t, view.Recording.Oldest)
	require.Len(t, view.Minutes, 60)
	var messages, refused, failed uint64
	for _, m := range view.Minutes {
		messages, refused, failed = messages+m.Messages, refused+m.Refused, failed+m.Failed
	}
	assert.Equal(t, []uint64{5, 2, 1}, []uint64{messages, refused, failed})
	require.Len(t, view.Filters, 1)
	f := view.Filters[0]
	assert.Equal(t, "decider", f.Name)
	assert.Equal(t, []uint64{5, 2, 2, 1}, []uint64{f.Messages, f.Edited, f.Refused, f.Failed})
	var timed uint64
	for _, m := range f.Minutes {
		timed += m.Messages
		assert.LessOrEqual(t, m.P50, m.P95)
		assert.LessOrEqual(t, m.P95, m.Longest)
	}
	assert.EqualValues(t, 5, timed)
	require.Len(t, view.Errors, 1)
	assert.Equal(t, "the disk is on fire", view.Errors[0].Text)
	assert.Equal(t, "decider", view.Errors[0].Filter)
	assert.Equal(t, "end of message", view.Errors[0].Stage)
	assert.Equal(t, view.Errors[0].Message, whole(t, in, view.Errors[0].Message).ID)
}

// Minutes that are over for an hour leave, and errors stay until their records have left.
func TestFiguresOverTime(t *testing.T) {
	t.Parallel()
	rec := recordingOf(t, short)
	synctest.Test(t, func(t *testing.T) {
		in, err := inspect.New(inspect.Config{})
		require.NoError(t, err)
		total := func() (n uint64) {
			for _, m := range serverView(t, in).Minutes {
				n += m.Messages
			}
			return n
		}
		rec.Ended = time.Now()
		in.Record(&rec)
		time.Sleep(59 * time.Minute)
		rec.Ended = time.Now()
		in.Record(&rec)
		assert.EqualValues(t, 2, total())
		time.Sleep(time.Minute)
		assert.EqualValues(t, 1, total())
		time.Sleep(time.Hour)
		assert.Zero(t, total())
		seen, _ := counts(t, in)
		assert.EqualValues(t, 2, seen)
		require.NoError(t, in.Close())
	})
}

// At most 50 errors are shown.
func TestFiguresErrors(t *testing.T) {
	t.Parallel()
	in := newInspector(t, inspect.Config{})
	failing := miltertest.FilterFunc("f", func(r *framework.Router) error {
		r.OnEndOfMessage(func(*framework.Session, *framework.EndOfMessage) (framework.Verdict, error) {
			return framework.Continue, errors.New("on fire")
		})
		return nil
	})
	srv := miltertest.NewServer(t, failing, records(in))
	for range 60 {
		conn := srv.Dial(t)
		conn.Run(t, miltertest.Message("A: b\n\nc\n"))
		require.NoError(t, conn.Quit(t.Context()))
	}
	srv.Close(t)
	assert.Len(t, serverView(t, in).Errors, 50)
}

// A server that is watched shows its plan, its limits and its counters.
func TestWatch(t *testing.T) {
	t.Parallel()
	in := newInspector(t, inspect.Config{})
	assert.Empty(t, serverView(t, in).Limits, "no server is watched")
	r := framework.NewRouter()
	r.OnMail(func(*framework.Session, *framework.Mail) (framework.Verdict, error) { return framework.Continue, nil })
	srv, err := framework.NewServer(r, framework.Config{Recorder: in, MaxHeaders: 77, Admission: framework.Admission{MaxSessions: 5}})
	require.NoError(t, err)
	t.Cleanup(func() { assert.NoError(t, srv.Close()) })
	in.Watch(srv)
	view := serverView(t, in)
	limits := make(map[string]int64)
	for _, l := range view.Limits {
		limits[l.Name] = l.Max
	}
	assert.EqualValues(t, 77, limits["MaxHeaders"])
	assert.EqualValues(t, 5, limits["MaxSessions"])
	assert.NotEmpty(t, view.Figures)
	assert.Contains(t, string(get(t, in, "/api/plan")), "OnMail")
}
