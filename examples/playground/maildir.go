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

// quarantineFolder is where held messages are kept: a folder of the Maildir, as
// Maildir++ has them.
const quarantineFolder = ".Quarantine"

// maildir keeps messages, each in a file of its own, in a way that mail
// programs can read while it is written to. The library for it,
// emersion/go-maildir, cannot be had from the module proxy, and delivering is
// the small half of it.
type maildir struct {
	path      string
	host      string
	temporary bool
	count     atomic.Int64
}

// openMaildir makes the folders that are missing. Without a path it makes a
// temporary one: see remove.
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

// remove throws a temporary Maildir away, with its mail. One that the user
// named stays.
func (d *maildir) remove() error {
	if !d.temporary {
		return nil
	}
	return os.RemoveAll(d.path) //nolint:gosec // openMaildir made it
}

// deliver keeps a message in a folder, "" or one that openMaildir makes, and
// returns its file. The file is whole when it appears in new: only then may the
// client be told that the message was taken.
func (d *maildir) deliver(folder string, text []byte) (string, error) {
	name := d.name(time.Now())
	tmp, file := filepath.Join(d.path, folder, "tmp", name), filepath.Join(d.path, folder, "new", name)
	// Files of Unix mailboxes have lines that end in LF.
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

// name returns a name that no other delivery has, in the form that
// https://cr.yp.to/proto/maildir.html gives.
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
