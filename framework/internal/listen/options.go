package listen

import (
	"errors"
	"fmt"
	"io/fs"
	"os/user"
	"strconv"
	"strings"
)

// socketOptions are the options after the path of a unix socket.
type socketOptions struct {
	mode     fs.FileMode
	uid, gid int
}

// parseSocketOptions parses options in the form of a URL query.
func parseSocketOptions(query string) (socketOptions, error) {
	opts := socketOptions{mode: 0o660, uid: -1, gid: -1}
	for opt := range strings.SplitSeq(query, "&") {
		if opt == "" {
			continue
		}
		key, value, _ := strings.Cut(opt, "=")
		if err := opts.set(key, value); err != nil {
			return opts, fmt.Errorf("option %s: %w", key, err)
		}
	}
	return opts, nil
}

func (o *socketOptions) set(key, value string) (err error) {
	switch key {
	case "mode":
		var mode uint64
		mode, err = strconv.ParseUint(value, 8, 9)
		o.mode = fs.FileMode(mode)
	case "owner":
		o.uid, err = lookupID(value, func(name string) (string, error) {
			u, err := user.Lookup(name)
			if err != nil {
				return "", err
			}
			return u.Uid, nil
		})
	case "group":
		o.gid, err = lookupID(value, func(name string) (string, error) {
			g, err := user.LookupGroup(name)
			if err != nil {
				return "", err
			}
			return g.Gid, nil
		})
	default:
		err = errors.New("there is no such option")
	}
	return err
}

// lookupID returns the ID for a number or a name.
func lookupID(value string, lookup func(string) (string, error)) (int, error) {
	if id, err := strconv.Atoi(value); err == nil && id >= 0 {
		return id, nil
	}
	text, err := lookup(value)
	if err != nil {
		return -1, err
	}
	return strconv.Atoi(text)
}
