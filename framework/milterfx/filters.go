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

// Entry is an entry of the list that [Filters] takes, with lane options.
type Entry struct {
	source any
	opts   []framework.LaneOption
}

// Filter returns an entry for [Filters] with lane options, such as
// [framework.FailOpen], [framework.DryRun], or middleware for this filter:
//
//	milterfx.Filter(newScanner, framework.FailOpen(), framework.With(middleware.When(condition)))
//
// The source may be anything that Filters accepts, except another Entry. Errors about the
// middleware name the line that calls [framework.With].
func Filter(source any, opts ...framework.LaneOption) Entry {
	return Entry{source, opts}
}

// Filters lists the application's filters in lane order. Each source is mounted
// in a separate lane. An application must have exactly one such list. A source
// is one of
//
//   - a constructor, whose parameters fx provides. It returns a
//     [framework.Filter] or a type that implements it, and optionally an error.
//     A parameter object (fx.In) declares named and optional dependencies.
//   - a framework.Filter, such as a middleware by itself: see [framework.AsFilter]
//   - either of them with lane options, as returned by [Filter]
//
// The filters that constructors return are not available to the rest of the
// application. To share a filter, provide it with fx.Provide and list a
// function that takes and returns it.
func Filters(sources ...any) fx.Option {
	where := callSite()
	group := fmt.Sprintf(`group:"milterfx %s"`, where)
	options := make([]fx.Option, 0, len(sources)+1)
	for i, source := range sources {
		e, ok := source.(Entry)
		if !ok {
			e.source = source
		}
		options = append(options, e.provide(indexedLane{i, Lane{Options: e.opts, Where: where}}, group))
	}
	return fx.Options(append(options, fx.Provide(fx.Annotate(lanesOf, fx.ParamTags(group))))...)
}

// indexedLane is a lane with its index in the list. fx passes the values of a
// group in random order.
type indexedLane struct {
	index int
	lane  Lane
}

func lanesOf(indexed []indexedLane) Lanes {
	slices.SortFunc(indexed, func(a, b indexedLane) int { return cmp.Compare(a.index, b.index) })
	lanes := make(Lanes, len(indexed))
	for i, l := range indexed {
		lanes[i] = l.lane
	}
	return lanes
}

// provide adds the lane to the group. A constructed filter passes through fx
// under a unique name before it is added to its lane.
func (e Entry) provide(l indexedLane, group string) fx.Option {
	if f, ok := e.source.(framework.Filter); ok {
		l.lane.Filter = f
		return fx.Supply(fx.Annotate(l, fx.ResultTags(group)))
	}
	if err := checkConstructor(e.source); err != nil {
		return fx.Error(&framework.RegistrationError{
			Where: l.lane.Where, Filter: ordinal(l.index), Reason: "milterfx.Filters: " + err.Error(),
		})
	}
	name := fmt.Sprintf(`name:"milterfx %s %s"`, l.lane.Where, ordinal(l.index))
	fill := func(f framework.Filter) indexedLane {
		l.lane.Filter = f
		return l
	}
	return fx.Provide(
		fx.Annotate(e.source, fx.As(new(framework.Filter)), fx.ResultTags(name)),
		fx.Annotate(fill, fx.ParamTags(name), fx.ResultTags(group)),
	)
}

// ordinal identifies a filter that has no name yet by its position, counting
// from 1.
func ordinal(index int) string { return fmt.Sprintf("number %d", index+1) }

// checkConstructor finds mistakes that fx would report without the position in
// the list.
func checkConstructor(source any) error {
	if source == nil {
		return errors.New("nil is neither a filter nor a constructor")
	}
	t := reflect.TypeOf(source)
	switch {
	case t.Kind() != reflect.Func:
		return fmt.Errorf("%v is neither a filter nor a constructor", t)
	case reflect.ValueOf(source).IsNil():
		return fmt.Errorf("the constructor is nil: %v", t)
	case t.NumOut() == 0 || !t.Out(0).Implements(reflect.TypeFor[framework.Filter]()):
		return fmt.Errorf("the constructor's first result is not a framework.Filter: %v", t)
	case t.NumOut() > 2 || t.NumOut() == 2 && t.Out(1) != reflect.TypeFor[error]():
		return fmt.Errorf("the constructor's only other result may be an error: %v", t)
	}
	return nil
}

// Lane is a filter with the options it is mounted with. [Filters] creates the
// lanes of an application.
type Lane struct {
	Filter  framework.Filter
	Options []framework.LaneOption
	// Where is the file and line of the list that contains the filter, for
	// errors. It may be empty.
	Where string
}

// Lanes holds the filters of a server in lane order.
type Lanes []Lane

// mount mounts the filters. It checks for mistakes that the router would report
// with a line of this package instead of the line of the list.
func (l Lanes) mount(r *framework.Router) error {
	var mistakes []error
	names := make(map[string]bool)
	for i, lane := range l {
		name, reason := ordinal(i), ""
		switch {
		case lane.Filter == nil:
			reason = "the constructor returned nil"
		case lane.Filter.Name() == "":
			reason = "the filter has no name"
		case names[lane.Filter.Name()]:
			name, reason = lane.Filter.Name(), "the list has a second filter with this name"
		}
		if reason != "" {
			mistakes = append(mistakes, &framework.RegistrationError{Where: lane.Where, Filter: name, Reason: reason})
			continue
		}
		names[lane.Filter.Name()] = true
		r.Mount(listedFilter{lane.Filter, lane.Where}, lane.Options...)
	}
	return errors.Join(mistakes...)
}

// listedFilter is a filter whose registration error names the place of the
// list.
type listedFilter struct {
	framework.Filter
	where string
}

// Register implements framework.Filter.
func (f listedFilter) Register(r *framework.Router) error {
	if err := f.Filter.Register(r); err != nil {
		return fmt.Errorf("%w (listed at %s)", err, f.where)
	}
	return nil
}

// callSite returns the file, with its directory, and the line of the call to
// the function that called callSite.
func callSite() string {
	_, file, line, ok := runtime.Caller(2)
	if !ok {
		return "unknown location"
	}
	dir, name := filepath.Split(file)
	return filepath.Base(dir) + "/" + name + ":" + strconv.Itoa(line)
}
