package operations_test

import (
	"bufio"
	"encoding/binary"
	"net"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/sluicemail/sluice/framework"
	"github.com/sluicemail/sluice/framework/internal/race"
	"github.com/sluicemail/sluice/wire"
	"github.com/sluicemail/sluice/wire/mta"
)

// keepers are filters that keep what clients send, each in another way.
func keepers() map[string]func(r *framework.Router) {
	return map[string]func(r *framework.Router){
		"the header": func(r *framework.Router) { r.WantHeaders() },
		"the header, and a copy in a slot": func(r *framework.Router) {
			r.WantHeaders()
			copies(r)
		},
		"a copy in a slot": copies,
		"an edit of each field": func(r *framework.Router) {
			add := r.GrantAddHeader()
			r.ObserveHeader(func(s *framework.Session, h *framework.Header) error {
				return add.Append(s, h.Name(), h.Value())
			})
		},
	}
}

// copies keeps a copy of each field, and counts it.
func copies(r *framework.Router) {
	memory, fields := r.WantMemory(), framework.PerMessage[[]framework.Field](r)
	r.ObserveHeader(func(s *framework.Session, h *framework.Header) error {
		f := h.Field()
		if err := memory.Reserve(s, len(f.Name)+len(f.Raw)+192); err != nil {
			return err
		}
		list := fields.Get(s)
		*list = append(*list, f)
		return nil
	})
}

// flood is an MTA that sends a header of many fields and does not end the message.
func flood(t *testing.T, address string, fields, size int) *mta.Conn {
	t.Helper()
	raw, err := net.Dial("tcp", address)
	require.NoError(t, err)
	t.Cleanup(func() { _ = raw.Close() })
	conn := mta.NewConn(raw, mta.Config{CommandTimeout: time.Minute, ContentTimeout: time.Minute})
	require.NoError(t, conn.Negotiate(t.Context()))
	_, err = conn.Mail(t.Context(), "<a@example.org>")
	require.NoError(t, err)
	require.NoError(t, conn.Flush(t.Context()))
	out := bufio.NewWriter(raw)
	field := "X-Field\x00 " + strings.Repeat("x", size) + "\x00"
	frame := append(binary.BigEndian.AppendUint32(nil, uint32(len(field)+1)), byte(wire.CmdHeader))
	frame = append(frame, field...)
	for range fields {
		_, err := out.Write(frame)
		require.NoError(t, err)
	}
	require.NoError(t, out.Flush())
	return conn
}

// live returns the bytes of the heap that are reachable.
func live() int64 {
	runtime.GC()
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return int64(m.HeapAlloc)
}

// Many connections send headers that together exceed the budget by far. What is counted
// stays within the budget, and what the process holds stays within what is counted and a
// fixed amount for each connection. The messages that do not fit are refused for now.
//
//nolint:paralleltest // memory is measured for the whole process
func TestMemoryBudget(t *testing.T) {
	const connection = 24 << 10 // with what an MTA of this process takes
	conns, budget := scaled(60, 150), int64(scaled(16<<20, 256<<20))
	fields, size := scaled(2500, 9900), 400
	for name, register := range keepers() {
		t.Run(name, func(t *testing.T) {
			r, cfg := framework.NewRouter(), quiet()
			register(r)
			r.OnEndOfMessage(func(*framework.Session, *framework.EndOfMessage) (framework.Verdict, error) {
				return framework.Discard, nil // so that no edits are sent
			})
			cfg.MemoryBudget = budget
			srv, address := serveFilter(t, r, cfg)
			before, all := live(), make([]*mta.Conn, conns)
			var sending sync.WaitGroup
			for i := range all {
				sending.Go(func() { all[i] = flood(t, address, fields, size) })
			}
			sending.Wait()
			require.Eventually(t, func() bool { return srv.Stats().NoRoom > uint64(conns/2) }, time.Minute, time.Millisecond)
			var held int64
			// A connection has a buffer besides while what was sent to it is read.
			assert.Eventually(t, func() bool {
				held = live() - before
				return held <= srv.Stats().KeptMemory+int64(conns*connection)
			}, time.Minute, 10*time.Millisecond)
			stats := srv.Stats()
			t.Logf("%d connections, %d KiB each: %d KiB counted, %d KiB held, budget %d KiB",
				conns, fields*size>>10, stats.KeptMemory>>10, held>>10, budget>>10)
			assert.LessOrEqual(t, stats.KeptMemory, budget)
			assert.Greater(t, stats.KeptMemory, budget*3/4, "the budget is used")
			refused := 0
			for _, conn := range all {
				resp, _, err := conn.EndOfMessage(t.Context(), nil)
				require.NoError(t, err)
				if resp.Code == wire.RepReplyCode {
					refused++
					assert.Equal(t, []string{"452 4.3.1 the mail filter is short of storage, try again later"}, resp.Lines())
				}
			}
			assert.Greater(t, refused, conns/2)
			assert.Zero(t, srv.Stats().HandlerErrors, "it is not the filter's fault")
			require.Eventually(t, func() bool { return srv.Stats().KeptMemory == 0 }, time.Minute, time.Millisecond)
			others(t, address)
		})
	}
}

// What a handler that hangs costs after its connection was closed: its goroutine, its
// session, and what it keeps of the message, which is counted as before.
//
//nolint:paralleltest // memory is measured for the whole process
func TestAbandonedHandlersAreSmall(t *testing.T) {
	const seats = 20
	conns, most := scaled(200, 2000), int64(24<<10)
	if race.Enabled {
		most *= 2
	}
	release, r, cfg := make(chan struct{}), framework.NewRouter(), quiet()
	memory := r.WantMemory()
	r.OnMail(func(s *framework.Session, e *framework.Mail) (framework.Verdict, error) {
		if e.Sender() != "hang@example.org" {
			return framework.Continue, nil
		}
		if err := memory.Reserve(s, 1000); err != nil {
			return framework.Continue, err
		}
		<-release
		return framework.Continue, nil
	})
	// A busy machine must not take the time before the handler has reserved its memory.
	cfg.HandlerTimeout, cfg.HangGrace = 200*time.Millisecond, 200*time.Millisecond
	cfg.Admission.MaxSessions = seats
	srv, address := serveFilter(t, r, cfg)
	before := inUse()
	var clients sync.WaitGroup
	for range seats {
		clients.Go(func() {
			for range conns / seats {
				conn, err := mta.Dial(t.Context(), "inet:"+address, mta.Config{CommandTimeout: time.Minute})
				if !assert.NoError(t, err, "the seats of those that hang are free") {
					return
				}
				_, err = conn.Mail(t.Context(), "<hang@example.org>")
				assert.NoError(t, err)
				_ = conn.Close()
			}
		})
	}
	clients.Wait()
	n := int64(conns / seats * seats)
	require.Eventually(t, func() bool { return srv.Stats().AbandonedHandlers == n }, time.Minute, time.Millisecond)
	var each int64
	assert.Eventually(t, func() bool { // the last connection may not have ended yet
		each = (int64(inUse()) - int64(before)) / n
		return each <= most
	}, time.Minute, 10*time.Millisecond)
	t.Logf("%d abandoned handlers: %d bytes each", n, each)
	assert.GreaterOrEqual(t, srv.Stats().KeptMemory, n*1000, "what they keep is counted")
	close(release)
	require.Eventually(t, func() bool { return srv.Stats().AbandonedHandlers == 0 }, time.Minute, time.Millisecond)
	assert.Eventually(t, func() bool { return srv.Stats().KeptMemory == 0 }, time.Minute, time.Millisecond)
}
