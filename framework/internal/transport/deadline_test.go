package transport_test

import (
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

// inTime runs a test in memory, where a unit is a second in a synctest bubble and the
// times are exact, and on a socket, where a unit is short and a time may be exceeded.
func inTime(t *testing.T, test func(t *testing.T, network string, unit time.Duration)) {
	t.Helper()
	for _, network := range []string{"memory", "tcp"} {
		t.Run(network, func(t *testing.T) {
			t.Parallel()
			if network == "memory" {
				synctest.Test(t, func(t *testing.T) { test(t, network, time.Second) })
			} else {
				test(t, network, 25*time.Millisecond)
			}
		})
	}
}

// assertUnits asserts the time since the start.
func assertUnits(t *testing.T, network string, want int, since time.Time, unit time.Duration) {
	t.Helper()
	took := time.Since(since)
	if network == "memory" {
		assert.Equal(t, time.Duration(want)*unit, took)
		return
	}
	assert.GreaterOrEqual(t, took, time.Duration(want)*unit)
	assert.Less(t, took, time.Duration(want)*unit+5*time.Second)
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
			inTime(t, func(t *testing.T, network string, unit time.Duration) {
				t.Helper()
				mta, filter := connect(t, network)
				cfg := config(unit)
				start := time.Now()
				played := make(chan struct{})
				go func() {
					defer close(played)
					play(unit, tt.acts, mta, filter, cfg)
				}()
				c := transport.New(filter, cfg)
				f, err := c.First(7 * unit)
				assertUnits(t, network, tt.after, start, unit)
				if tt.want == nil {
					require.NoError(t, err)
					assert.Equal(t, byte('M'), f.Code)
				} else {
					require.ErrorIs(t, err, tt.want)
				}
				assert.NoError(t, filter.Close())
				<-played
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
			inTime(t, func(t *testing.T, network string, unit time.Duration) {
				t.Helper()
				mta, filter := connect(t, network)
				cfg := config(unit)
				start := time.Now()
				played := make(chan struct{})
				go func() {
					defer close(played)
					play(unit, tt.acts, mta, filter, cfg)
				}()
				c := transport.New(filter, cfg)
				var frames strings.Builder
				var err error
				for idle := true; ; idle = strings.HasSuffix(frames.String(), "E") {
					f, nextErr := c.Next(idle)
					if err = nextErr; err != nil {
						break
					}
					frames.WriteByte(f.Code)
				}
				assertUnits(t, network, tt.after, start, unit)
				require.ErrorIs(t, err, tt.want)
				assert.Equal(t, tt.frames, frames.String())
				assert.NoError(t, filter.Close())
				<-played
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
