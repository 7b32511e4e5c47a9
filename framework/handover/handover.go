package handover

import (
	"context"
	"fmt"
	"log/slog"
	"os"
	"os/signal"
	"strconv"
	"sync"

	"github.com/cloudflare/tableflip"
	"go.uber.org/fx"

	"github.com/sluicemail/sluice/framework/milterfx"
)

// Handover hands the sockets of an application over to its successor, and takes
// those of its predecessor over. [Module] makes one.
type Handover struct {
	cfg    Config
	log    *slog.Logger
	status *milterfx.Status
	app    fx.Shutdowner

	signals chan os.Signal
	running context.Context // until the application stops
	end     context.CancelFunc
	done    chan struct{} // closed when no signal is looked after any more

	mu      sync.Mutex
	flip    *tableflip.Upgrader
	opened  map[string]int
	sockets []unlinker
}

func newHandover(cfg Config) *Handover {
	h := &Handover{
		cfg: cfg, log: cfg.Logger, opened: make(map[string]int),
		signals: make(chan os.Signal, 1), done: make(chan struct{}),
	}
	h.running, h.end = context.WithCancel(context.Background())
	return h
}

// catch keeps the signal, which the process might die of, from the very
// beginning.
func (h *Handover) catch() {
	if h.cfg.Signal != nil {
		signal.Notify(h.signals, h.cfg.Signal)
	}
}

// upgrader returns the one that the process has. It is made at the start, not
// before: an application that is not started inherits nothing.
func (h *Handover) upgrader() (*tableflip.Upgrader, error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.flip != nil {
		return h.flip, nil
	}
	flip, err := tableflip.New(tableflip.Options{UpgradeTimeout: h.cfg.StartTimeout, PIDFile: h.cfg.PIDFile})
	if err != nil {
		return nil, fmt.Errorf("handover: %w", err)
	}
	h.flip = flip
	if flip.HasParent() {
		h.status.Inherit()
	}
	return flip, nil
}

// start is the OnStart hook. The server serves already.
func (h *Handover) start() error {
	flip, err := h.upgrader()
	if err != nil {
		return err
	}
	if err := introduce(flip); err != nil {
		return fmt.Errorf("handover: %w", err)
	}
	if err := flip.Ready(); err != nil {
		return fmt.Errorf("handover: %w", err)
	}
	h.unlink(true)
	if flip.HasParent() {
		h.log.Info("took over")
	}
	go h.watch()
	return nil
}

// stop is the OnStop hook, before the one of the server. The signal is kept to
// the end, for a process that drains must not die of it. The library may remove
// the files of unix sockets, which nobody else can have put there yet.
func (h *Handover) stop() {
	h.end()
	h.flip.Stop()
	<-h.flip.Exit()
	<-h.done
	h.forget()
}

// forget removes the file of the process's number, unless it is a successor's.
func (h *Handover) forget() {
	text, err := os.ReadFile(h.cfg.PIDFile)
	if err == nil && string(text) == strconv.Itoa(os.Getpid()) {
		_ = os.Remove(h.cfg.PIDFile)
	}
}

// watch looks after the signal until the application stops.
func (h *Handover) watch() {
	defer close(h.done)
	for {
		select {
		case <-h.running.Done():
			return
		case <-h.signals:
			if h.handOver() {
				return
			}
		}
	}
}

// handOver starts a successor, and has the application stop when that serves.
func (h *Handover) handOver() bool {
	h.log.Info("starting a successor")
	pid, err := h.succeed()
	if err != nil {
		h.log.Error("there is no successor: this process goes on", "error", err)
		return false
	}
	h.log.Info("handed over", "successor", pid)
	h.unlink(false)
	h.status.HandOver(pid)
	if err := h.app.Shutdown(); err != nil {
		h.log.Error("the application could not be told to end", "error", err)
	}
	return true
}
