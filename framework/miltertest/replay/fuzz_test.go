package replay_test

import (
	"context"
	"net"
	"testing"
	"time"

	"github.com/sluicemail/sluice/framework/inspect/record"
	"github.com/sluicemail/sluice/framework/miltertest"
	"github.com/sluicemail/sluice/framework/miltertest/replay"
	"github.com/sluicemail/sluice/wire/mta"
)

// framesOf returns frames from bytes: a byte for the direction and what is missing, and a
// frame.
func framesOf(b []byte) (list []record.Frame) {
	for len(b) >= 4 && len(list) < 200 {
		kind, code, size := b[0], b[1], min(int(b[2])<<8|int(b[3]), len(b)-4)
		f := frame(kind&1 != 0, code, b[4:4+size])
		if kind&2 != 0 {
			f.Data = nil
		}
		list = append(list, f)
		b = b[4+size:]
	}
	return list
}

func bytesOf(frames []record.Frame) (b []byte) {
	for _, f := range frames {
		kind := byte(0)
		if f.FromMTA {
			kind = 1
		}
		data := f.Data[:min(len(f.Data), 1000)]
		b = append(append(b, kind, f.Code, byte(len(data)>>8), byte(len(data))), data...)
	}
	return b
}

// hasty is a connection on which nothing that is short takes time.
type hasty struct{ net.Conn }

// SetDeadline implements net.Conn.
func (h *hasty) SetDeadline(t time.Time) error {
	if now := time.Now(); t.Before(now.Add(time.Second)) {
		t = now
	}
	return h.Conn.SetDeadline(t)
}

// FuzzPlay replays any frames, as every MTA, to filters that ask for everything, for little,
// and to one that answers anything.
func FuzzPlay(f *testing.F) {
	for i, p := range []policy{full(), {}, {user: true, tls: true, unknown: true, rejected: true, raw: true, refuseBody: "x"}} {
		srv := miltertest.NewServer(f, p, miltertest.AllowWrongStages())
		for _, as := range []miltertest.Personality{miltertest.Postfix(), miltertest.Sendmail(), miltertest.Stalwart()} {
			m := recordedBy(f, srv, as.MTA, func(c *mta.Conn) {
				_, _ = c.Send(f.Context(), sample(2))
				_ = c.QuitNC()
				_, _ = c.Send(f.Context(), sample(i+6))
			})
			f.Add(bytesOf(m.Frames), byte(i), false)
			f.Add(bytesOf(m.Frames), byte(i+3), true)
		}
	}
	dials := []func(context.Context) (net.Conn, error){
		quiet(f, full()), quiet(f, policy{refuseSender: "a"}), quiet(f, policy{user: true, tls: true, unknown: true, rejected: true, refuseBody: "x"}),
		answering("\x00\x00\x00\x0dO\x00\x00\x00\x06\x00\x00\x01\x00\x00\x00\x00\x00\x00\x00\x00\x01r\x00\x00\x00\x01b"),
	}
	f.Fuzz(func(t *testing.T, text []byte, kind byte, assume bool) {
		m := newRecord(framesOf(text))
		m.Shortened = kind&64 != 0
		dial := func(ctx context.Context) (net.Conn, error) {
			conn, err := dials[kind%4](ctx)
			return &hasty{conn}, err
		}
		cfg := replay.Config{Dial: dial, Assume: assume, Timeout: 5 * time.Second, AsksForMacros: kind&32 != 0}
		if kind&8 != 0 {
			cfg.MTA = new(replay.Sendmail())
		}
		if kind&16 != 0 {
			cfg.MTA = new(replay.Stalwart())
		}
		res, err := replay.Play(t.Context(), cfg, m)
		if err != nil {
			t.Fatal(err)
		}
		if res.NotReplayable != "" && res.Differs() {
			t.Fatal("both not replayable and different")
		}
		_ = res.Text()
	})
}
