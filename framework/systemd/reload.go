package systemd

import (
	"cmp"
	"log/slog"
	"strings"

	"github.com/coreos/go-systemd/v22/daemon"

	"github.com/sluicemail/sluice/framework/printable"
)

// Reload notifies systemd that the service reloads its configuration, calls reload, and
// notifies it that the service is ready again, whether the new configuration was accepted or
// not (sd_notify(3), RELOADING=1). Units of Type=notify and of Type=notify-reload may use it.
//
// The result of reload becomes the text that "systemctl status" shows. It is cut to one line
// of 500 bytes. The logger receives a warning if a notification cannot be sent. Nil means
// slog.Default().
//
// Reload may be called while the server is ready. systemd ignores it once the server drains.
// It is not for concurrent use, because systemd would take the service for ready after the
// first of two calls.
func Reload(log *slog.Logger, reload func() (status string)) {
	f := &follower{cfg: Config{Logger: cmp.Or(log, slog.Default())}}
	f.notify(daemon.SdNotifyReloading, strings.TrimSpace(daemon.SdNotifyMonotonicUsec()))
	status := reload()
	f.notify(daemon.SdNotifyReady, "STATUS="+statusLine(status))
}

// maxStatus is the length of the longest status in bytes. A notification is one datagram.
const maxStatus = 500

// statusLine returns the first line of a text in a form that is safe to show.
func statusLine(text string) string {
	line, _, _ := strings.Cut(text, "\n")
	line, _ = printable.Cut(printable.Text(line), maxStatus)
	return line
}
