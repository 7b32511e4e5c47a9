package milterfx

import (
	"cmp"
	"errors"
	"fmt"
	"path/filepath"
	"reflect"
	"runtime"
	"slices"
	"strconv"

	"go.uber.org/fx"

	"github.com/sluicemail/sluice/framework"
)

// Entry is a filter in the list of [Filters], with options for its lane.
type Entry struct {
	source any
	opts   []framework.LaneOption
}

// Filter is an entry of [Filters] that has lane options, such as
// [framework.FailOpen] or [framework.DryRun]. The source is what Filters takes
// without options.
func Filter(source any, opts ...framework.LaneOption) Entry {
	return Entry{source, opts}
}

// Filters names the application's filters, in lane order: each source is mounted
// in a lane of its own, the first one first. An application has one such list.
// A source is one of
//
//   - a constructor, whose parameters fx provides, and which returns a
//     [framework.Filter] or a type that implements it, and maybe an error.
//     Named and optional dependencies come in a parameter object (fx.In).
//   - a framework.Filter that is there already
//   - either of them with options, as [Filter] returns it
//
// What the constructors return is for the server alone. A filter that other
// parts of the application need too is given to fx.Provide, and the list has a
// function that takes and returns it.
func Filters(sources ...any) fx.Option {
	where := caller()
	group := fmt.Sprintf(`group:"milterfx %s"`, where)
	options := make([]fx.Option, 0, len(sources)+1)
	for i, source := range sources {
		e, ok := source.(Entry)
		if !ok {
			e.source = source
		}
		options = append(options, e.provide(slot{i, Lane{Options: e.opts, Where: where}}, group))
	}
	return fx.Options(append(options, fx.Provide(fx.Annotate(lanesOf, fx.ParamTags(group))))...)
}

// slot is a lane with its place in the list: fx hands a value group over in
// random order.
type slot struct {
	index int
	lane  Lane
}

func lanesOf(slots []slot) Lanes {
	slices.SortFunc(slots, func(a, b slot) int { return cmp.Compare(a.index, b.index) })
	lanes := make(Lanes, len(slots))
	for i, s := range slots {
		lanes[i] = s.lane
	}
	return lanes
}

// provide puts the filter into its slot, and the slot into the group. Between
// the two, a constructed filter has a name that nobody else uses.
func (e Entry) provide(s slot, group string) fx.Option {
	if f, ok := e.source.(framework.Filter); ok {
		s.lane.Filter = f
		return fx.Supply(fx.Annotate(s, fx.ResultTags(group)))
	}
	if err := checkConstructor(e.source); err != nil {
		return fx.Error(&framework.RegistrationError{
			Where: s.lane.Where, Filter: place(s.index), Reason: "milterfx.Filters: " + err.Error(),
		})
	}
	name := fmt.Sprintf(`name:"milterfx %s %s"`, s.lane.Where, place(s.index))
	fill := func(f framework.Filter) slot {
		s.lane.Filter = f
		return s
	}
	return fx.Provide(
		fx.Annotate(e.source, fx.As(new(framework.Filter)), fx.ResultTags(name)),
		fx.Annotate(fill, fx.ParamTags(name), fx.ResultTags(group)),
	)
}

// place names a filter that has no name yet, counting from 1.
func place(index int) string { return fmt.Sprintf("number %d", index+1) }

// checkConstructor finds what fx would report in words of its own, without the
// place in the list.
func checkConstructor(source any) error {
	if source == nil {
		return errors.New("neither a filter nor a constructor of one: nil")
	}
	t := reflect.TypeOf(source)
	switch {
	case t.Kind() != reflect.Func:
		return fmt.Errorf("neither a filter nor a constructor of one: %v", t)
	case reflect.ValueOf(source).IsNil():
		return fmt.Errorf("a nil constructor: %v", t)
	case t.NumOut() == 0 || !t.Out(0).Implements(reflect.TypeFor[framework.Filter]()):
		return fmt.Errorf("%v does not return a framework.Filter first", t)
	case t.NumOut() > 2 || t.NumOut() == 2 && t.Out(1) != reflect.TypeFor[error]():
		return fmt.Errorf("%v may return an error besides, and nothing else", t)
	}
	return nil
}

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
