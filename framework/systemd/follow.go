package systemd

import (
	"cmp"
	"fmt"
	"log/slog"
	"os"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/coreos/go-systemd/v22/daemon"

	"github.com/sluicemail/sluice/framework/milterfx"
)

// Config is what an application may say about its notifications. The zero value
// is ready to use.
type Config struct {
	// Logger takes a warning for each notification that cannot be sent, and
	// for each check that fails: slog.Default() if nil.
	Logger *slog.Logger
	// Alive is asked before each WATCHDOG=1, from one goroutine; while it
	// returns an error, or does not return, systemd is told nothing and ends
	// the service when WatchdogSec is over. Check what a restart would mend:
	// a database that is down is not. Nil means that all is well.
	Alive func() error
}

// Follow tells systemd of the present state of a server, and of every change,
// until the server has stopped. The error is about the environment:
// WATCHDOG_USEC is no number.
func Follow(status *milterfx.Status, cfg Config) error {
	cfg.Logger = cmp.Or(cfg.Logger, slog.Default())
	limit, err := daemon.SdWatchdogEnabled(false)
	if err != nil {
		return fmt.Errorf("systemd: the watchdog's interval: %w", err)
	}
	f := &follower{cfg: cfg, interval: limit / 2, status: status, over: make(chan struct{})}
	status.Watch(f.changed)
	return nil
}

type follower struct {
	cfg      Config
	interval time.Duration // between two signs of life; none if zero
	status   *milterfx.Status
	over     chan struct{} // closed when systemd is told no more
	told     sync.Once
}

func (f *follower) changed(state milterfx.State) {
	switch state {
	case milterfx.Starting:
	case milterfx.Ready:
		f.ready()
	case milterfx.Draining:
		f.draining()
	case milterfx.Stopped:
		f.end()
	}
}

// ready tells that the service is there. A process that takes over from another
// is not the main one yet: its predecessor says when, and has said the rest.
func (f *follower) ready() {
	if f.status.Inherited() {
		f.interval = inheritedLimit() / 2
	} else {
		f.tell(daemon.SdNotifyReady, "STATUS=serving "+f.addresses())
	}
	if f.interval > 0 {
		go f.live()
	}
}

// inheritedLimit returns the watchdog's interval for a process that its
// predecessor, whose number is in the environment, has started.
func inheritedLimit() time.Duration {
	_ = os.Unsetenv("WATCHDOG_PID")
	limit, _ := daemon.SdWatchdogEnabled(false) // Follow would have failed
	return limit
}

// draining tells that the service stops, or who goes on with it.
func (f *follower) draining() {
	pid, ok := f.status.Successor()
	switch {
	case !ok:
		f.tell(daemon.SdNotifyStopping, "STATUS=draining")
		return
	case pid != 0:
		f.tell("MAINPID=" + strconv.Itoa(pid))
	}
	f.end()
}

// end ends the signs of life.
func (f *follower) end() { f.told.Do(func() { close(f.over) }) }

func (f *follower) addresses() string {
	var names []string
	for _, addr := range f.status.Addrs() {
		names = append(names, addr.String())
	}
	return strings.Join(names, ", ")
}

// live gives signs of life until the server has stopped, or another process is
// the main one.
func (f *follower) live() {
	tick := time.NewTicker(f.interval)
	defer tick.Stop()
	for {
		if err := f.alive(); err != nil {
			f.cfg.Logger.Warn("systemd's watchdog is not told that all is well", "reason", err)
		} else {
			f.tell(daemon.SdNotifyWatchdog)
		}
		select {
		case <-tick.C:
		case <-f.over:
			return
		}
	}
}

func (f *follower) alive() error {
	if f.cfg.Alive == nil {
		return nil
	}
	return f.cfg.Alive()
}

// tell sends one notification. There is nobody to send it to where systemd asks
// for none.
func (f *follower) tell(lines ...string) {
	if _, err := daemon.SdNotify(false, strings.Join(lines, "\n")); err != nil {
		f.cfg.Logger.Warn("systemd was not notified", "notification", lines[0], "error", err)
	}
}
