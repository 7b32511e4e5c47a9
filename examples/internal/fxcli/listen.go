package fxcli

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/sluicemail/sluice/framework"
)

// Place is an address that stands in a configuration file.
type Place struct {
	Address string
	// Wrong returns an error with the place in the file, and nil for nil.
	Wrong func(error) error
}

// ListenOr returns the addresses on the command line, or those of a configuration file if the
// command line has none, or the default if neither has any.
func (f *Flags) ListenOr(file []string) []string {
	if f.defaulted && len(file) > 0 {
		return file
	}
	return f.Listen
}

// checkListen returns what is certainly wrong with the addresses that [Flags.ListenOr] returns. So
// -check says what the start says.
func (p *Program) checkListen(f *Flags) error {
	var places []Place
	if f.defaulted && p.FileListen != nil {
		places = p.FileListen()
	}
	if len(places) == 0 {
		for _, address := range f.Listen {
			places = append(places, Place{address, ofFlag("listen")})
		}
	}
	var errs []error
	var claims []claim
	for _, at := range places {
		err := framework.CheckAddress(at.Address)
		if err == nil {
			one := ofListen(at.Address)
			err = one.overlap(claims)
			claims = append(claims, one)
		}
		errs = append(errs, at.Wrong(err))
	}
	return errors.Join(errs...)
}

// ofFlag returns a function that puts the name of a flag before an error.
func ofFlag(name string) func(error) error {
	return func(err error) error {
		if err == nil {
			return nil
		}
		return fmt.Errorf("-%s: %w", name, err)
	}
}

// checkPIDFile returns an error if a PID file certainly cannot be written. A folder below /run may be
// created by what starts the program, such as systemd.
func checkPIDFile(path string) error {
	if info, err := os.Stat(path); err == nil && info.IsDir() {
		return fmt.Errorf("%s is a folder", path)
	}
	dir := filepath.Dir(path)
	info, err := os.Stat(dir)
	switch {
	case errors.Is(err, fs.ErrPermission): // the user who starts the program may be another
		return nil
	case errors.Is(err, fs.ErrNotExist) && (strings.HasPrefix(dir, "/run/") || strings.HasPrefix(dir, "/var/run/")):
		return nil
	case err == nil && !info.IsDir():
		return fmt.Errorf("%s is not a folder", dir)
	}
	return err
}
