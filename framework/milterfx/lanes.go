package milterfx

import (
	"errors"
	"fmt"
	"path/filepath"
	"runtime"
	"strconv"

	"github.com/sluicemail/sluice/framework"
)

// Lane is a filter as it is mounted. [Filters] makes them.
type Lane struct {
	Filter  framework.Filter
	Options []framework.LaneOption
	// Where is the file and line of the list that the filter is in. It
	// is for errors, and may be empty.
	Where string
}

// Lanes are the filters of a server, in lane order.
type Lanes []Lane

// mount mounts the filters, and returns the mistakes that the router would
// otherwise find in this package instead of in the list.
func (l Lanes) mount(r *framework.Router) error {
	var mistakes []error
	names := make(map[string]bool)
	for i, lane := range l {
		name, reason := place(i), ""
		switch {
		case lane.Filter == nil:
			reason = "there is no filter: the constructor returned nil"
		case lane.Filter.Name() == "":
			reason = "the filter has no name"
		case names[lane.Filter.Name()]:
			name, reason = lane.Filter.Name(), "a second filter of the name"
		}
		if reason != "" {
			mistakes = append(mistakes, &framework.RegistrationError{Where: lane.Where, Filter: name, Reason: reason})
			continue
		}
		names[lane.Filter.Name()] = true
		r.Mount(listed{lane.Filter, lane.Where}, lane.Options...)
	}
	return errors.Join(mistakes...)
}

// listed is a filter whose error tells where the filter is listed.
type listed struct {
	framework.Filter
	where string
}

// Register implements framework.Filter.
func (f listed) Register(r *framework.Router) error {
	if err := f.Filter.Register(r); err != nil {
		return fmt.Errorf("%w (listed at %s)", err, f.where)
	}
	return nil
}

// caller returns the file, with its folder, and the line that called the caller
// of this function.
func caller() string {
	_, file, line, ok := runtime.Caller(2)
	if !ok {
		return "unknown place"
	}
	dir, name := filepath.Split(file)
	return filepath.Base(dir) + "/" + name + ":" + strconv.Itoa(line)
}
