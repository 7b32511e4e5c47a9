package loglimit

import (
	"context"
	"hash/maphash"
	"log/slog"
	"reflect"
	"sync"
	"time"

	"github.com/sluicemail/sluice/framework/printable"
)

// The limits. They bound the lines in a log, and the memory of a Limiter.
const (
	// Window is the time for which lines are counted together.
	Window = time.Minute
	// MaxLines is the number of lines of one kind from level WARN on that a peer
	// causes in a window.
	MaxLines = 30
	// MaxSame is the number of those that have the same error.
	MaxSame = 10
	// MaxRecords is the number of lines of one kind below WARN that a peer causes in
	// a window. They record what became of mail: a mail server at which 10 messages a
	// second are refused for the same reason must not reach it.
	MaxRecords = 600
	// MaxPeers is the number of peers that are counted separately. All others share
	// one count.
	MaxPeers = 128
	// MaxKinds is the number of kinds that are counted separately for a peer. All
	// others share one count.
	MaxKinds = 64
)

// maxError is the number of bytes that the line about suppressed lines shows of an error.
const maxError = 256

// Others is the name of the peers beyond MaxPeers, and the message of the kinds beyond
// MaxKinds.
const Others = "others"

// Kind identifies lines that are counted together. A peer has no influence on its parts,
// so that the number of kinds does not depend on peers.
type Kind struct {
	Level   slog.Level
	Message string
	Filter  string
	Stage   string
	Cause   reflect.Type // of the error that began a chain of errors, or nil
}

// Limiter counts lines. The zero value is ready to use. It is safe for concurrent use, and
// needs no goroutine: a timer ends windows.
type Limiter struct {
	mu    sync.Mutex
	seed  maphash.Seed
	peers map[string]*peer
	timer *time.Timer
}

// peer is the window of a peer, which begins with its first line.
type peer struct {
	ends  time.Time
	kinds map[Kind]*count
}

// count counts the lines of a kind.
type count struct {
	lines      int
	same       map[uint64]int // the lines by the hash of their error
	suppressed int
	text       string       // the error of the first line that was suppressed
	out        slog.Handler // of that line
}

// allow counts a line and reports whether to write it. The error's text tells lines of a
// kind apart. out receives the number of the lines that were suppressed.
func (l *Limiter) allow(name string, kind Kind, text string, out slog.Handler) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	c := l.window(name).count(kind)
	if c.take(kind.Level, maphash.String(l.seed, text)) {
		return true
	}
	if c.suppressed == 0 {
		c.out, c.text = out, printable.Short(text, maxError)
	}
	c.suppressed++
	return false
}

// window returns the open window of a peer.
func (l *Limiter) window(name string) *peer {
	if l.peers == nil {
		l.peers, l.seed = make(map[string]*peer), maphash.MakeSeed()
	}
	p := l.peers[name]
	if p == nil && len(l.peers) >= MaxPeers {
		name = Others
		p = l.peers[name]
	}
	if p == nil {
		p = &peer{ends: time.Now().Add(Window), kinds: make(map[Kind]*count)}
		l.peers[name] = p
	}
	if l.timer == nil {
		l.timer = time.AfterFunc(Window, l.tick)
	}
	return p
}

func (p *peer) count(kind Kind) *count {
	c := p.kinds[kind]
	if c == nil && len(p.kinds) >= MaxKinds {
		kind = Kind{Level: kind.Level, Message: Others}
		c = p.kinds[kind]
	}
	if c == nil {
		c = new(count)
		p.kinds[kind] = c
	}
	return c
}

// take counts a line and reports whether it is within the limits.
func (c *count) take(level slog.Level, text uint64) bool {
	if level < slog.LevelWarn {
		c.lines++
		return c.lines <= MaxRecords
	}
	if c.lines >= MaxLines || c.same[text] >= MaxSame {
		return false
	}
	if c.same == nil {
		c.same = make(map[uint64]int)
	}
	c.lines++
	c.same[text]++
	return true
}

// tick ends the windows whose time is over, and starts the timer for the next one.
func (l *Limiter) tick() {
	l.end(func(p *peer, now time.Time) bool { return !now.Before(p.ends) })
}

// Flush ends all windows, and writes how many lines were suppressed. It is for the end of
// a server.
func (l *Limiter) Flush() {
	l.end(func(*peer, time.Time) bool { return true })
}

// end ends the windows for which over returns true.
func (l *Limiter) end(over func(*peer, time.Time) bool) {
	for name, p := range l.take(over) {
		for kind, c := range p.kinds {
			if c.suppressed > 0 {
				c.write(name, kind)
			}
		}
	}
}

// take removes the windows for which over returns true, and returns them.
func (l *Limiter) take(over func(*peer, time.Time) bool) map[string]*peer {
	l.mu.Lock()
	defer l.mu.Unlock()
	now, ended, next := time.Now(), make(map[string]*peer), time.Duration(0)
	for name, p := range l.peers {
		if over(p, now) {
			ended[name] = p
			delete(l.peers, name)
		} else if left := p.ends.Sub(now); next == 0 || left < next {
			next = left
		}
	}
	if l.timer != nil {
		l.timer.Stop()
		l.timer = nil
	}
	if len(l.peers) > 0 {
		l.timer = time.AfterFunc(next, l.tick)
	}
	return ended
}

// write writes how many lines of a kind were suppressed.
func (c *count) write(name string, kind Kind) {
	ctx := context.Background()
	if !c.out.Enabled(ctx, kind.Level) {
		return
	}
	line := slog.NewRecord(time.Now(), kind.Level, "log lines suppressed", 0)
	line.AddAttrs(slog.String("peer", name), slog.String("line", kind.Message))
	if kind.Filter != "" {
		line.AddAttrs(slog.String("filter", kind.Filter))
	}
	if kind.Stage != "" {
		line.AddAttrs(slog.String("stage", kind.Stage))
	}
	if c.text != "" {
		line.AddAttrs(slog.String("error", c.text)) // because the kinds of two lines may differ in its type alone
	}
	line.AddAttrs(slog.Int("suppressed", c.suppressed), slog.Duration("within", Window))
	_ = c.out.Handle(ctx, line)
}
