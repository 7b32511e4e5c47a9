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

// Handover hands the sockets of an application over to its successor and takes
// those of its predecessor. [Module] provides one.
type Handover struct {
	cfg    Config
	log    *slog.Logger
	status *milterfx.Status
	app    fx.Shutdowner

	signals chan os.Signal
	running context.Context // canceled when the application stops
	end     context.CancelFunc
	done    chan struct{} // closed when watch has returned

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

// catchSignal registers for the signal before the application starts, because
// the signal would otherwise kill the process.
func (h *Handover) catchSignal() {
	if h.cfg.Signal != nil {
		signal.Notify(h.signals, h.cfg.Signal)
	}
}

// upgrader returns the process's only upgrader. It creates the upgrader at the
// first call, so that an application that is never started takes no inherited
// sockets.
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

// start is the OnStart hook. It runs after the server has started to serve.
func (h *Handover) start() error {
	flip, err := h.upgrader()
	if err != nil {
		return err
	}
	if err := announcePID(flip); err != nil {
		return fmt.Errorf("handover: %w", err)
	}
	if err := flip.Ready(); err != nil {
		return fmt.Errorf("handover: %w", err)
	}
	h.setUnlink(true)
	if flip.HasParent() {
		h.log.Info("took over")
	}
	go h.watch()
	return nil
}

// stop is the OnStop hook. It runs before the server's. The signal stays
// registered, because it must not kill a draining process. tableflip may remove
// the files of unix sockets here. At this point, no other process can have
// created files of the same names.
func (h *Handover) stop() {
	h.end()
	h.flip.Stop()
	<-h.flip.Exit()
	<-h.done
	h.removePIDFile()
}

// removePIDFile removes the PID file unless a successor has written it.
func (h *Handover) removePIDFile() {
	text, err := os.ReadFile(h.cfg.PIDFile)
	if err == nil && string(text) == strconv.Itoa(os.Getpid()) {
		_ = os.Remove(h.cfg.PIDFile)
	}
}

// watch handles the signal until the application stops.
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

// handOver starts a successor. Once the successor serves, handOver shuts the
// application down and returns true.
func (h *Handover) handOver() bool {
	h.log.Info("starting a successor")
	pid, err := h.startSuccessor()
	if err != nil {
		h.log.Error("successor did not start; this process continues to serve", "error", err)
		return false
	}
	h.log.Info("handed over", "successor", pid)
	h.setUnlink(false)
	h.status.HandOver(pid)
	if err := h.app.Shutdown(); err != nil {
		h.log.Error("cannot shut down the application", "error", err)
	}
	return true
}
