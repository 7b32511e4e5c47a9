//go:build integration

package integration_test

import (
	"flag"
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"

	"github.com/sluicemail/sluice/framework"
	"github.com/sluicemail/sluice/framework/internal/counts"
	"github.com/sluicemail/sluice/framework/miltertest/realmta"
)

//nolint:gochecknoglobals // a flag is the way to tell a test something
var update = flag.Bool("update", false, "write the tables below testdata anew")

// TestReplies returns every verdict at every stage, once per session. It shows
// the replies to the client and the fate of its mail.
func TestReplies(t *testing.T) {
	t.Parallel()
	shown := map[string]*replies{}
	t.Run("servers", func(t *testing.T) {
		for name, start := range realmta.Each(realmta.Config{}) {
			got := &replies{name: name, cells: map[string]string{}}
			shown[name] = got
			t.Run(name, func(t *testing.T) {
				t.Parallel()
				tried := 0
				got.mta = start(t)
				for _, network := range networks() {
					for key, cell := range replyCells(t, got.mta, network) {
						if other, ok := got.cells[key]; ok {
							assert.Equal(t, other, cell, "%s over %s", key, network)
						}
						got.cells[key] = cell
						tried++
					}
				}
				counts.Add(t, tried, "integration: verdicts at stages, "+name+", over both networks")
			})
		}
	})
	if *update {
		updateReplies(t, shown)
	}
	for _, got := range shown {
		got.compare(t)
	}
}

// replyCells tries each verdict at each stage and returns the results.
func replyCells(t *testing.T, mta realmta.MTA, network string) map[string]string {
	t.Helper()
	g := openGate(t, mta, network)
	mta.SetFilters(t, g.Addr())
	mta.Sink().Reset()
	told, cells := map[string]*session{}, map[string]string{}
	var log lines
	cfg := quiet()
	cfg.Logger = slog.New(slog.NewTextHandler(&log, &slog.HandlerOptions{Level: slog.LevelDebug}))
	for _, row := range rows() {
		r := framework.NewRouter()
		row.register(r)
		g.serveConfig(t, r, cfg)
		told[row.key()] = talk(t, mta, fmt.Sprintf("case%d", len(told)), simple, row.stage.name == "unknown")
	}
	settle(mta.Sink())
	assert.NotContains(t, log.String(), "after a final verdict", "the server sends nothing more of a message")
	assert.NotContains(t, log.String(), "out of order")
	for key, s := range told {
		cells[key] = s.cell(mta.Sink().Delivered())
	}
	return cells
}

// lines is a log that may be written and read at the same time.
type lines struct {
	mu   sync.Mutex
	text strings.Builder
}

// Write implements io.Writer.
func (l *lines) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.Write(p)
}

// String returns what was written.
func (l *lines) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.String()
}

// row is a verdict at a stage.
type row struct {
	stage   stage
	verdict verdict
}

func rows() []row {
	var list []row
	for _, s := range stages() {
		for _, v := range verdicts() {
			if !v.observed || s.observe != nil {
				list = append(list, row{s, v})
			}
		}
	}
	return list
}

func (r row) key() string { return r.stage.name + " | " + r.verdict.name }

func (r row) register(router *framework.Router) {
	register := r.stage.answer
	if r.verdict.observed {
		register = r.stage.observe
	}
	register(router, r.verdict.decide.once())
}

// settle waits until no message has been delivered for a second.
func settle(sink *realmta.Sink) {
	const quietFor = time.Second
	for n, since := len(sink.Delivered()), time.Now(); time.Since(since) < quietFor; time.Sleep(10 * time.Millisecond) {
		if now := len(sink.Delivered()); now != n {
			n, since = now, time.Now()
		}
	}
}
