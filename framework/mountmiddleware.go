package framework

import (
	"fmt"
	"reflect"
	"slices"
)

// AsFilter returns a filter that consists of a middleware: the middleware wraps, at each
// of the given stages, a handler that does nothing. It is for middleware that decides
// without a filter, such as a limit:
//
//	r.Mount(framework.AsFilter("rcptrate", middleware.RateLimit(rates), framework.StageRcpt))
//
// Middleware adds no stage. The stages given here are therefore all that the MTA sends for
// it, and the MTA waits for the answer at each, except at Abort and Close. Other middleware
// goes around the filter with [Router.With] or [With].
//
// It is a mistake in the registration if there is no stage, if a stage is given twice, or
// if the middleware leaves the handler of a stage as it is: it would do nothing there. A
// middleware that wraps the handler only to call it, as a condition does, cannot be
// recognized. The plan and errors name the line that calls AsFilter.
func AsFilter(name string, mw Middleware, stages ...Stage) Filter {
	f := &middlewareFilter{name: name, stages: slices.Clone(stages), where: caller()}
	f.layers = []layer{{f.notIdle, f.where, name}, {mw, f.where, name}}
	return f
}

// middlewareFilter is the filter that AsFilter returns.
type middlewareFilter struct {
	name   string
	stages []Stage
	layers []layer // a check, and the middleware that it checks
	where  string  // AsFilter was called
}

// Name implements Filter.
func (f *middlewareFilter) Name() string { return f.name }

// Register implements Filter.
func (f *middlewareFilter) Register(r *Router) error {
	switch {
	case f.mw() == nil:
		f.mistake(r.reg, "without a middleware")
		return nil
	case len(f.stages) == 0:
		f.mistake(r.reg, "without a stage, at which %s would run", middlewareName(f.mw()))
	}
	for i, stage := range f.stages {
		switch {
		case stage >= numStages:
			f.mistake(r.reg, "with the stage %d, which does not exist", stage)
		case slices.Contains(f.stages[:i], stage):
			f.mistake(r.reg, "with the stage %v twice", stage)
		default:
			f.route(r.scope, stage)
		}
	}
	return nil
}

// route registers the handler of a stage that does nothing.
func (f *middlewareFilter) route(in *scope, stage Stage) {
	in.used = true
	in.lane.routes = append(in.lane.routes, &routeSpec{
		stage:   stage,
		answers: stage <= StageEndOfMessage || stage == StageUnknown,
		method:  fmt.Sprintf("AsFilter(%s)", middlewareName(f.mw())),
		where:   f.where,
		handler: doNothing,
		layers:  slices.Concat(in.layers, f.layers),
	})
}

func (f *middlewareFilter) mw() Middleware { return f.layers[1].mw }

// notIdle is a middleware around the one of the filter. It adds nothing, and reports that
// the filter's middleware returned the handler that it got, unless the middleware has
// reported why.
func (f *middlewareFilter) notIdle(rt *Route, next Handler) Handler {
	own := asker{middlewareName(f.mw()), f.where, f.name}
	idle := reflect.ValueOf(next).Pointer() == reflect.ValueOf(doNothing).Pointer()
	if idle && !slices.Contains(rt.scope.reg.blamed, own) {
		f.mistake(rt.scope.reg, "with the stage %v, at which %s does nothing", rt.Stage(), middlewareName(f.mw()))
	}
	return next
}

func (f *middlewareFilter) mistake(reg *registry, format string, args ...any) {
	reg.blamed = append(reg.blamed, asker{asFilter, f.where, f.name})
	reg.report(&RegistrationError{Where: f.where, Filter: f.name, Reason: asFilter + " " + fmt.Sprintf(format, args...)})
}

// doNothing is the handler that a middleware mounted as a filter wraps.
func doNothing(*Session, Event) (Verdict, error) { return Continue, nil }
