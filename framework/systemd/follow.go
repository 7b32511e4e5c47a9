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

// Config holds an application's settings for notifications. The zero value is
// ready to use.
type Config struct {
	// Logger receives a warning for each notification that cannot be sent
	// and for each failed check. It defaults to slog.Default().
	Logger *slog.Logger
	// Alive is called before each WATCHDOG=1, always from the same
	// goroutine. While it returns an error or does not return, systemd gets
	// no WATCHDOG=1 and ends the service after WatchdogSec. Alive should
	// check only for faults that a restart would repair, and not, for
	// example, whether a database is reachable. If nil, WATCHDOG=1 is
	// always sent.
	Alive func() error
}

// Follow notifies systemd of the server's current state and of every change,
// until the server has stopped. It returns an error if WATCHDOG_USEC in the
// environment is not a number.
func Follow(status *milterfx.Status, cfg Config) error {
	cfg.Logger = cmp.Or(cfg.Logger, slog.Default())
	limit, err := daemon.SdWatchdogEnabled(false)
	if err != nil {
		return fmt.Errorf("systemd: watchdog interval: %w", err)
	}
	f := &follower{cfg: cfg, interval: limit / 2, status: status, done: make(chan struct{})}
	status.Watch(f.changed)
	return nil
}

type follower struct {
	cfg      Config
	interval time.Duration // between two WATCHDOG=1; zero if the unit has no watchdog
	status   *milterfx.Status
	done     chan struct{} // closed when no more WATCHDOG=1 is to be sent
	once     sync.Once     // closes done
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

// ready reports that the service is ready. A process with a predecessor does
// not report it: the predecessor has done so, and reports the new main process
// when it stops.
func (f *follower) ready() {
	if f.status.Inherited() {
		f.interval = inheritedLimit() / 2
	} else {
		f.notify(daemon.SdNotifyReady, "STATUS=serving "+f.addresses())
	}
	if f.interval > 0 {
		go f.sendWatchdog()
	}
}

// inheritedLimit returns the watchdog's interval for a process that its
// predecessor started. WATCHDOG_PID in its environment is the predecessor's
// process ID.
func inheritedLimit() time.Duration {
	_ = os.Unsetenv("WATCHDOG_PID")
	limit, _ := daemon.SdWatchdogEnabled(false) // Follow has checked the value
	return limit
}

// draining tells systemd that the service stops or, after a hand-over, the process ID
// of the successor.
func (f *follower) draining() {
	pid, ok := f.status.Successor()
	switch {
	case !ok:
		f.notify(daemon.SdNotifyStopping, "STATUS=draining")
		return
	case pid != 0:
		f.notify("MAINPID=" + strconv.Itoa(pid))
	}
	f.end()
}

// end stops the sending of WATCHDOG=1.
func (f *follower) end() { f.once.Do(func() { close(f.done) }) }

func (f *follower) addresses() string {
	var names []string
	for _, addr := range f.status.Addrs() {
		names = append(names, addr.String())
	}
	return strings.Join(names, ", ")
}

// sendWatchdog sends WATCHDOG=1 until the server has stopped or has handed over
// to a successor.
func (f *follower) sendWatchdog() {
	tick := time.NewTicker(f.interval)
	defer tick.Stop()
	for {
		if err := f.alive(); err != nil {
			f.cfg.Logger.Warn("liveness check failed; systemd watchdog not notified", "error", err)
		} else {
			f.notify(daemon.SdNotifyWatchdog)
		}
		select {
		case <-tick.C:
		case <-f.done:
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

// notify sends one notification. It does nothing if systemd expects none.
func (f *follower) notify(lines ...string) {
	if _, err := daemon.SdNotify(false, strings.Join(lines, "\n")); err != nil {
		f.cfg.Logger.Warn("cannot notify systemd", "notification", lines[0], "error", err)
	}
}
