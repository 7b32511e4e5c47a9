package transport_test

import (
	"errors"
	"io"
	"net"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/sluicemail/sluice/framework/internal/transport"
)

// act is what happens at a time, in units since the start.
type act struct {
	at    int
	send  string // one of the parts below; "close" closes, "drain" begins the shutdown
	count int    // sends it so often, one a unit; 0 is once
}

// The parts that an act sends. M opens a message and E ends it.
var parts = map[string]string{
	"M": string(frame('M', "")), "E": string(frame('E', "")),
	"half": string(frame('M', "")[:2]), "rest": string(frame('M', "")[2:]),
	"rest and half": string(frame('M', "")[2:]) + string(frame('M', "")[:2]),
	"length of 99":  "\x00\x00\x00\x63", "byte": "x",
}

// play does the acts, which are sorted by time.
func play(unit time.Duration, acts []act, mta, filter net.Conn, cfg *transport.Config) {
	start := time.Now()
	for _, a := range acts {
		for i := range max(1, a.count) {
			time.Sleep(time.Until(start.Add(time.Duration(a.at+i) * unit)))
			switch a.send {
			case "close":
				_ = mta.Close()
			case "drain": // as Server.Shutdown does
				_ = filter.SetReadDeadline(cfg.Drain.Begin().Add(cfg.DrainGrace))
			default:
				_, _ = io.WriteString(mta, parts[a.send])
			}
		}
	}
}

// outcome is what was read, the error that ended it, and the units after which it came.
type outcome struct {
	frames string
	err    error // nil: there is none
	after  int
}

// inTime does acts, reads meanwhile, and compares the outcome. It does so in memory, where
// a unit is a second in a synctest bubble and the times are exact, and on a socket, where
// a unit is short and a time may be exceeded. If a busy machine did not do the acts in
// time, they are done again with a longer unit.
func inTime(t *testing.T, acts []act, want outcome, read func(c *transport.Conn, unit time.Duration) (frames string, err error)) {
	t.Helper()
	once := func(t *testing.T, network string, unit time.Duration) (frames string, took time.Duration, err error) {
		t.Helper()
		mta, filter := connect(t, network)
		cfg := config(unit)
		start := time.Now()
		played := make(chan struct{})
		go func() {
			defer close(played)
			play(unit, acts, mta, filter, cfg)
		}()
		frames, err = read(transport.New(filter, cfg), unit)
		took = time.Since(start)
		assert.NoError(t, filter.Close())
		<-played
		return frames, took, err
	}
	t.Run("memory", func(t *testing.T) {
		t.Parallel()
		synctest.Test(t, func(t *testing.T) {
			frames, took, err := once(t, "memory", time.Second)
			require.ErrorIs(t, err, want.err)
			assert.Equal(t, want.frames, frames)
			assert.Equal(t, time.Duration(want.after)*time.Second, took)
		})
	})
	t.Run("tcp", func(t *testing.T) {
		t.Parallel()
		for unit := 25 * time.Millisecond; ; unit *= 4 {
			frames, took, err := once(t, "tcp", unit)
			if (!errors.Is(err, want.err) || frames != want.frames) && unit < time.Second {
				continue
			}
			require.ErrorIs(t, err, want.err)
			assert.Equal(t, want.frames, frames)
			assert.GreaterOrEqual(t, took, time.Duration(want.after)*unit)
			assert.Less(t, took, time.Duration(want.after)*unit+time.Minute)
			return
		}
	})
}

func TestFirst(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name  string
		acts  []act
		want  error // nil: a frame
		after int
	}{
		{"at once", []act{{send: "M"}}, nil, 0},
		{"in two pieces", []act{{at: 1, send: "half"}, {at: 3, send: "rest"}}, nil, 3},
		{"closed at once", []act{{send: "close"}}, transport.ErrProbe, 0},
		{"closed later", []act{{at: 3, send: "close"}}, transport.ErrProbe, 3},
		{"closed within the frame", []act{{send: "half"}, {at: 2, send: "close"}}, io.EOF, 2},
		{"another protocol", []act{{at: 1, send: "byte", count: 4}}, transport.ErrNotMilter, 4},
		{"silent", nil, transport.ErrNoOffer, 7},
		{"slow", []act{{send: "length of 99"}, {at: 1, send: "byte", count: 20}}, transport.ErrNoOffer, 7},
		{"shut down", []act{{at: 1, send: "drain"}}, transport.ErrDrained, 5},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			want := outcome{"", tt.want, tt.after}
			if tt.want == nil {
				want.frames = "M"
			}
			inTime(t, tt.acts, want, func(c *transport.Conn, unit time.Duration) (string, error) {
				f, err := c.First(7 * unit)
				if err != nil {
					return "", err
				}
				return string(f.Code), nil
			})
		})
	}
}

// In units, Idle is 10, Frame 5 and DrainGrace 4.
func TestDeadlines(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name   string
		acts   []act
		frames string
		want   error
		after  int
	}{
		{"silent", nil, "", transport.ErrIdle, 10},
		{"silent within a message", []act{{at: 3, send: "M"}}, "M", transport.ErrIdle, 13},
		{"each frame starts the time again", []act{{send: "M"}, {at: 6, send: "E"}}, "ME", transport.ErrIdle, 16},
		{"closed", []act{{at: 2, send: "M"}, {at: 4, send: "close"}}, "M", io.EOF, 4},
		{"closed within a frame", []act{{at: 2, send: "half"}, {at: 4, send: "close"}}, "", io.EOF, 4},
		{"half a frame", []act{{at: 1, send: "half"}}, "", transport.ErrSlow, 6},
		{"half a frame shortly before the end", []act{{at: 7, send: "half"}}, "", transport.ErrSlow, 12},
		{"a frame in two pieces", []act{{at: 1, send: "half"}, {at: 4, send: "rest"}}, "M", transport.ErrIdle, 14},
		{"bytes do not extend it", []act{{at: 1, send: "length of 99"}, {at: 2, send: "byte", count: 12}}, "", transport.ErrSlow, 6},
		{"nor within a message", []act{{send: "M"}, {at: 1, send: "length of 99"}, {at: 2, send: "byte", count: 12}}, "M", transport.ErrSlow, 6},
		{"the next frame has its own time", []act{{at: 1, send: "half"}, {at: 4, send: "rest and half"}}, "M", transport.ErrSlow, 9},

		{"drained before the read", []act{{send: "drain"}}, "", transport.ErrDrained, 4},
		{"drained during the read", []act{{at: 3, send: "drain"}}, "", transport.ErrDrained, 7},
		{"drained twice", []act{{at: 3, send: "drain"}, {at: 4, send: "drain"}}, "", transport.ErrDrained, 7},
		{"drained shortly before it is idle for too long", []act{{at: 8, send: "drain"}}, "", transport.ErrDrained, 12},
		{"drained in a later read", []act{{send: "M"}, {at: 3, send: "E"}, {at: 6, send: "drain"}}, "ME", transport.ErrDrained, 10},
		{"drained within a message", []act{{send: "M"}, {at: 3, send: "drain"}}, "M", transport.ErrIdle, 10},
		{
			"a message ends after the grace",
			[]act{{send: "M"}, {at: 3, send: "drain"}, {at: 8, send: "E"}},
			"ME", transport.ErrDrained, 12,
		},
		{
			"a message begins within the grace",
			[]act{{at: 1, send: "drain"}, {at: 2, send: "M"}, {at: 7, send: "E"}},
			"ME", transport.ErrDrained, 11,
		},
		{"half a frame within the grace", []act{{at: 3, send: "drain"}, {at: 4, send: "half"}}, "", transport.ErrDrained, 8},
		{"closed within the grace", []act{{at: 3, send: "drain"}, {at: 4, send: "close"}}, "", io.EOF, 4},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			inTime(t, tt.acts, outcome{tt.frames, tt.want, tt.after}, func(c *transport.Conn, _ time.Duration) (string, error) {
				var frames strings.Builder
				for idle := true; ; idle = strings.HasSuffix(frames.String(), "E") {
					f, err := c.Next(idle)
					if err != nil {
						return frames.String(), err
					}
					frames.WriteByte(f.Code)
				}
			})
		})
	}
}

// deadlines counts how often a read deadline is set.
type deadlines struct {
	net.Conn
	set int
}

// SetReadDeadline implements net.Conn.
func (d *deadlines) SetReadDeadline(at time.Time) error {
	d.set++
	return d.Conn.SetReadDeadline(at)
}

// A deadline is set once in a while and not for every read: one that passes too early is
// moved then.
func TestDeadlinesAreCheap(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		mta, filter := connect(t, "memory")
		counted := &deadlines{Conn: filter}
		c := transport.New(counted, config(time.Second))
		for i := range 250 { // 25 s, and Idle is 10
			_, err := mta.Write(frame('M', ""))
			require.NoError(t, err)
			next(t, c)
			if i == 99 {
				assert.Equal(t, 1, counted.set)
			}
			time.Sleep(100 * time.Millisecond)
		}
		assert.LessOrEqual(t, counted.set, 4)
	})
}

func TestDrain(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var d transport.Drain
		assert.False(t, d.Begun())
		first := d.Begin()
		assert.Equal(t, time.Now(), first)
		time.Sleep(time.Second)
		assert.Equal(t, first, d.Begin(), "the shutdown began at the first call")
		assert.True(t, d.Begun())
	})
}
