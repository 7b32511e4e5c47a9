package framework

// A handler registered with On… answers, and the MTA waits for it. A handler
// registered with Observe… never answers, and the MTA does not wait (SMFIP_NR_…).
// The filter's policy decides about an error of either kind of handler: see
// [Router.Mount].
//
// The handlers of one stage run in the order of registration, until one returns
// a verdict other than Continue.

// OnConnect registers a handler for [StageConnect] (xxfi_connect).
func (r *handlers) OnConnect(fn func(*Session, *Connect) (Verdict, error)) {
	on(r.in, "OnConnect", StageConnect, fn)
}

// ObserveConnect registers an observer for [StageConnect] (xxfi_connect).
func (r *handlers) ObserveConnect(fn func(*Session, *Connect) error) {
	observe(r.in, "ObserveConnect", StageConnect, fn)
}

// OnHelo registers a handler for [StageHelo] (xxfi_helo).
func (r *handlers) OnHelo(fn func(*Session, *Helo) (Verdict, error)) {
	on(r.in, "OnHelo", StageHelo, fn)
}

// ObserveHelo registers an observer for [StageHelo] (xxfi_helo).
func (r *handlers) ObserveHelo(fn func(*Session, *Helo) error) {
	observe(r.in, "ObserveHelo", StageHelo, fn)
}

// OnMail registers a handler for [StageMail] (xxfi_envfrom).
func (r *handlers) OnMail(fn func(*Session, *Mail) (Verdict, error)) {
	on(r.in, "OnMail", StageMail, fn)
}

// ObserveMail registers an observer for [StageMail] (xxfi_envfrom).
func (r *handlers) ObserveMail(fn func(*Session, *Mail) error) {
	observe(r.in, "ObserveMail", StageMail, fn)
}

// OnRcpt registers a handler for [StageRcpt] (xxfi_envrcpt). A refusal refuses that
// recipient only. Accept and Discard hold for the message: after Accept the filter sees
// nothing more of it, later recipients included.
func (r *handlers) OnRcpt(fn func(*Session, *Rcpt) (Verdict, error)) {
	on(r.in, "OnRcpt", StageRcpt, fn)
}

// ObserveRcpt registers an observer for [StageRcpt] (xxfi_envrcpt).
func (r *handlers) ObserveRcpt(fn func(*Session, *Rcpt) error) {
	observe(r.in, "ObserveRcpt", StageRcpt, fn)
}

// ObserveRejectedRcpt registers an observer for recipients that the MTA itself has
// refused (SMFIP_RCPT_REJ). Not every MTA can send them. The reason is in the macros
// {rcpt_host} and {rcpt_addr} of StageRcpt, which are the enhanced status code and the
// text on Postfix: ask for both with [Router.WantMacro]. The framework asks for
// {rcpt_mailer} only.
func (r *handlers) ObserveRejectedRcpt(fn func(*Session, *RejectedRcpt) error) {
	observe(r.in, "ObserveRejectedRcpt", StageRcpt, fn)
}

// OnData registers a handler for [StageData] (xxfi_data). An MTA of a protocol version
// before 4 does not report DATA; the handler then runs right before the first event
// that follows it.
func (r *handlers) OnData(fn func(*Session, *Data) (Verdict, error)) {
	on(r.in, "OnData", StageData, fn)
}

// ObserveData registers an observer for [StageData] (xxfi_data).
func (r *handlers) ObserveData(fn func(*Session, *Data) error) {
	observe(r.in, "ObserveData", StageData, fn)
}

// OnHeader registers a handler for [StageHeader] (xxfi_header).
func (r *handlers) OnHeader(fn func(*Session, *Header) (Verdict, error)) {
	on(r.in, "OnHeader", StageHeader, fn)
}

// ObserveHeader registers an observer for [StageHeader] (xxfi_header).
func (r *handlers) ObserveHeader(fn func(*Session, *Header) error) {
	observe(r.in, "ObserveHeader", StageHeader, fn)
}

// OnEndOfHeaders registers a handler for [StageEndOfHeaders] (xxfi_eoh).
func (r *handlers) OnEndOfHeaders(fn func(*Session, *EndOfHeaders) (Verdict, error)) {
	on(r.in, "OnEndOfHeaders", StageEndOfHeaders, fn)
}

// ObserveEndOfHeaders registers an observer for [StageEndOfHeaders]
// (xxfi_eoh).
func (r *handlers) ObserveEndOfHeaders(fn func(*Session, *EndOfHeaders) error) {
	observe(r.in, "ObserveEndOfHeaders", StageEndOfHeaders, fn)
}

// OnBody registers a handler for [StageBody] (xxfi_body). Only such a handler may
// return [SkipBody]. The MTA waits for an answer to every chunk, so a filter that
// decides at the end of the message should use ObserveBody.
func (r *handlers) OnBody(fn func(*Session, *Body) (Verdict, error)) {
	on(r.in, "OnBody", StageBody, fn)
}

// ObserveBody registers an observer for [StageBody] (xxfi_body).
func (r *handlers) ObserveBody(fn func(*Session, *Body) error) {
	observe(r.in, "ObserveBody", StageBody, fn)
}

// OnEndOfMessage registers a handler for [StageEndOfMessage] (xxfi_eom). The MTA
// always waits for its answer.
func (r *handlers) OnEndOfMessage(fn func(*Session, *EndOfMessage) (Verdict, error)) {
	on(r.in, "OnEndOfMessage", StageEndOfMessage, fn)
}

// OnUnknown registers a handler for [StageUnknown] (xxfi_unknown). MTAs of protocol
// version 2 do not report unknown commands.
func (r *handlers) OnUnknown(fn func(*Session, *Unknown) (Verdict, error)) {
	on(r.in, "OnUnknown", StageUnknown, fn)
}

// ObserveUnknown registers an observer for [StageUnknown] (xxfi_unknown).
func (r *handlers) ObserveUnknown(fn func(*Session, *Unknown) error) {
	observe(r.in, "ObserveUnknown", StageUnknown, fn)
}

// ObserveAbort registers an observer for [StageAbort] (xxfi_abort). Its error is
// logged.
func (r *handlers) ObserveAbort(fn func(*Session, *Abort) error) {
	observe(r.in, "ObserveAbort", StageAbort, fn)
}

// ObserveClose registers an observer for [StageClose] (xxfi_close). Its error is
// logged.
func (r *handlers) ObserveClose(fn func(*Session, *Close) error) {
	observe(r.in, "ObserveClose", StageClose, fn)
}

func on[E Event](in *scope, method string, stage Stage, fn func(*Session, E) (Verdict, error)) {
	route := &routeSpec{stage: stage, method: method, answers: true}
	if fn != nil {
		route.handler = func(s *Session, ev Event) (Verdict, error) {
			return fn(s, ev.(E)) //nolint:forcetypeassert // a route only gets events of its own stage
		}
	}
	in.register(route)
}

func observe[E Event](in *scope, method string, stage Stage, fn func(*Session, E) error) {
	route := &routeSpec{stage: stage, method: method}
	_, route.rejected = any((*E)(nil)).(**RejectedRcpt)
	if fn != nil {
		route.handler = func(s *Session, ev Event) (Verdict, error) {
			return Continue, fn(s, ev.(E)) //nolint:forcetypeassert // a route only gets events of its own stage
		}
	}
	in.register(route)
}

func (in *scope) register(route *routeSpec) {
	in.reg.mustBeOpen()
	in.used = true
	if route.handler == nil {
		in.mistake("%s without a handler", route.method)
		return
	}
	route.where, route.layers = caller(), in.layers
	in.lane.routes = append(in.lane.routes, route)
	if route.rejected {
		by := asker{route.method, route.where, in.lane.name}
		_, _ = in.wantMacro(StageRcpt, rejectedMacro, by) // the name is valid
	}
}
