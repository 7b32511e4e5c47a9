package main

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"time"
)

// quarantineFolder is the folder of the Maildir for quarantined messages. Its
// name has the form of Maildir++.
const quarantineFolder = ".Quarantine"

// maildir stores each message in a separate file. Mail programs can read the
// Maildir while messages are stored. The playground does not use the library
// emersion/go-maildir, because the module proxy does not have it, and storing
// needs little code.
type maildir struct {
	path      string
	host      string
	temporary bool
	count     atomic.Int64
}

// openMaildir opens the Maildir at a path and makes the folders that are
// missing. If the path is empty, it makes a temporary Maildir, which remove
// deletes.
func openMaildir(path string) (*maildir, error) {
	temporary := path == ""
	if temporary {
		var err error
		if path, err = os.MkdirTemp("", "sluice-playground-"); err != nil {
			return nil, err
		}
	}
	for _, folder := range []string{"", quarantineFolder} {
		for _, dir := range []string{"cur", "new", "tmp"} {
			err := os.MkdirAll(filepath.Join(path, folder, dir), 0o700) //nolint:gosec // the user chose the folder
			if err != nil {
				return nil, err
			}
		}
	}
	host, err := os.Hostname()
	if err != nil {
		host = "localhost"
	}
	host = strings.NewReplacer("/", `\057`, ":", `\072`).Replace(host)
	return &maildir{path: path, host: host, temporary: temporary}, nil
}

// remove deletes a temporary Maildir with its mail. It keeps a Maildir that the
// user named.
func (d *maildir) remove() error {
	if !d.temporary {
		return nil
	}
	return os.RemoveAll(d.path) //nolint:gosec // openMaildir made it
}

// deliver stores a message in a folder, which is "" or quarantineFolder, and
// returns the path of its file. When deliver returns, the file is complete and
// synced in the directory new, so that the server may accept the message.
func (d *maildir) deliver(folder string, text []byte) (string, error) {
	name := d.name(time.Now())
	tmp, file := filepath.Join(d.path, folder, "tmp", name), filepath.Join(d.path, folder, "new", name)
	// Lines in a Maildir end in LF.
	if err := writeSynced(tmp, bytes.ReplaceAll(text, []byte("\r\n"), []byte("\n"))); err != nil {
		_ = os.Remove(tmp)
		return "", err
	}
	if err := os.Rename(tmp, file); err != nil {
		_ = os.Remove(tmp)
		return "", err
	}
	return file, nil
}

// name returns a unique name for a file, in the form that
// https://cr.yp.to/proto/maildir.html describes.
func (d *maildir) name(now time.Time) string {
	return fmt.Sprintf("%d.M%06dP%dQ%d.%s", now.Unix(), now.Nanosecond()/1000, os.Getpid(), d.count.Add(1), d.host)
}

func writeSynced(path string, text []byte) error {
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600) //nolint:gosec // the user chose the folder
	if err != nil {
		return err
	}
	if _, err := f.Write(text); err != nil {
		_ = f.Close()
		return err
	}
	if err := f.Sync(); err != nil {
		_ = f.Close()
		return err
	}
	return f.Close()
}
