package framework

// The twins: a handler registered with On… answers, and the MTA waits for it.
// A handler registered with Observe… never answers, and the MTA need not wait
// (SMFIP_NR_…). An error of either is never lost: see [Router.Mount].
//
// The handlers of one stage run in the order of registration, until one
// returns another verdict than Continue.

// OnConnect registers a handler for [StageConnect] (xxfi_connect).
func (r *Router) OnConnect(h func(*Session, *Connect) (Verdict, error)) {
	on(r, "OnConnect", StageConnect, h)
}

// ObserveConnect registers an observer for [StageConnect] (xxfi_connect).
func (r *Router) ObserveConnect(h func(*Session, *Connect) error) {
	observe(r, "ObserveConnect", StageConnect, h)
}

// OnHelo registers a handler for [StageHelo] (xxfi_helo).
func (r *Router) OnHelo(h func(*Session, *Helo) (Verdict, error)) {
	on(r, "OnHelo", StageHelo, h)
}

// ObserveHelo registers an observer for [StageHelo] (xxfi_helo).
func (r *Router) ObserveHelo(h func(*Session, *Helo) error) {
	observe(r, "ObserveHelo", StageHelo, h)
}

// OnMail registers a handler for [StageMail] (xxfi_envfrom).
func (r *Router) OnMail(h func(*Session, *Mail) (Verdict, error)) {
	on(r, "OnMail", StageMail, h)
}

// ObserveMail registers an observer for [StageMail] (xxfi_envfrom).
func (r *Router) ObserveMail(h func(*Session, *Mail) error) {
	observe(r, "ObserveMail", StageMail, h)
}

// OnRcpt registers a handler for [StageRcpt] (xxfi_envrcpt). A refusal there
// refuses the recipient alone. Accept and Discard are about the message: after
// Accept the filter sees nothing more of it, later recipients included.
func (r *Router) OnRcpt(h func(*Session, *Rcpt) (Verdict, error)) {
	on(r, "OnRcpt", StageRcpt, h)
}

// ObserveRcpt registers an observer for [StageRcpt] (xxfi_envrcpt).
func (r *Router) ObserveRcpt(h func(*Session, *Rcpt) error) {
	observe(r, "ObserveRcpt", StageRcpt, h)
}

// ObserveRejectedRcpt registers an observer for recipients that the MTA
// refused by itself (SMFIP_RCPT_REJ). An MTA that cannot show them shows none.
// Why it refused is in the macros {rcpt_host} and {rcpt_addr} of StageRcpt, the
// enhanced status and the text on Postfix: [Router.WantMacro] must ask for both,
// for the list of that stage has {rcpt_mailer} alone by itself.
func (r *Router) ObserveRejectedRcpt(h func(*Session, *RejectedRcpt) error) {
	observe(r, "ObserveRejectedRcpt", StageRcpt, h)
}

// OnData registers a handler for [StageData] (xxfi_data). An MTA of a protocol
// version before 4 does not tell of DATA; the handler then runs right before the
// first thing that comes after it.
func (r *Router) OnData(h func(*Session, *Data) (Verdict, error)) {
	on(r, "OnData", StageData, h)
}

// ObserveData registers an observer for [StageData] (xxfi_data).
func (r *Router) ObserveData(h func(*Session, *Data) error) {
	observe(r, "ObserveData", StageData, h)
}

// OnHeader registers a handler for [StageHeader] (xxfi_header).
func (r *Router) OnHeader(h func(*Session, *Header) (Verdict, error)) {
	on(r, "OnHeader", StageHeader, h)
}

// ObserveHeader registers an observer for [StageHeader] (xxfi_header).
func (r *Router) ObserveHeader(h func(*Session, *Header) error) {
	observe(r, "ObserveHeader", StageHeader, h)
}

// OnEndOfHeaders registers a handler for [StageEndOfHeaders] (xxfi_eoh).
func (r *Router) OnEndOfHeaders(h func(*Session, *EndOfHeaders) (Verdict, error)) {
	on(r, "OnEndOfHeaders", StageEndOfHeaders, h)
}

// ObserveEndOfHeaders registers an observer for [StageEndOfHeaders]
// (xxfi_eoh).
func (r *Router) ObserveEndOfHeaders(h func(*Session, *EndOfHeaders) error) {
	observe(r, "ObserveEndOfHeaders", StageEndOfHeaders, h)
}

// OnBody registers a handler for [StageBody] (xxfi_body). It alone may return
// [SkipBody]. The MTA waits for an answer to every chunk, so that a filter which
// decides at the end of the message does better with ObserveBody.
func (r *Router) OnBody(h func(*Session, *Body) (Verdict, error)) {
	on(r, "OnBody", StageBody, h)
}

// ObserveBody registers an observer for [StageBody] (xxfi_body).
func (r *Router) ObserveBody(h func(*Session, *Body) error) {
	observe(r, "ObserveBody", StageBody, h)
}

// OnEndOfMessage registers a handler for [StageEndOfMessage] (xxfi_eom), which
// always answers.
func (r *Router) OnEndOfMessage(h func(*Session, *EndOfMessage) (Verdict, error)) {
	on(r, "OnEndOfMessage", StageEndOfMessage, h)
}

// OnUnknown registers a handler for [StageUnknown] (xxfi_unknown). MTAs of
// protocol version 2 do not tell of unknown commands.
func (r *Router) OnUnknown(h func(*Session, *Unknown) (Verdict, error)) {
	on(r, "OnUnknown", StageUnknown, h)
}

// ObserveUnknown registers an observer for [StageUnknown] (xxfi_unknown).
func (r *Router) ObserveUnknown(h func(*Session, *Unknown) error) {
	observe(r, "ObserveUnknown", StageUnknown, h)
}

// ObserveAbort registers a handler for [StageAbort] (xxfi_abort). Its error is
// logged.
func (r *Router) ObserveAbort(h func(*Session, *Abort) error) {
	observe(r, "ObserveAbort", StageAbort, h)
}

// ObserveClose registers a handler for [StageClose] (xxfi_close). Its error is
// logged.
func (r *Router) ObserveClose(h func(*Session, *Close) error) {
	observe(r, "ObserveClose", StageClose, h)
}

func on[E Event](r *Router, method string, stage Stage, h func(*Session, E) (Verdict, error)) {
	route := &routeSpec{stage: stage, method: method, answers: true}
	if h != nil {
		route.handler = func(s *Session, ev Event) (Verdict, error) {
			return h(s, ev.(E)) //nolint:forcetypeassert // a route is asked at its own stage alone
		}
	}
	r.register(route)
}

func observe[E Event](r *Router, method string, stage Stage, h func(*Session, E) error) {
	route := &routeSpec{stage: stage, method: method}
	_, route.rejected = any((*E)(nil)).(**RejectedRcpt)
	if h != nil {
		route.handler = func(s *Session, ev Event) (Verdict, error) {
			return Continue, h(s, ev.(E)) //nolint:forcetypeassert // a route is asked at its own stage alone
		}
	}
	r.register(route)
}

// refusedMacro is the macro whose value "error" tells a recipient that the MTA
// refused from one that it would take.
const refusedMacro = "rcpt_mailer"

func (r *Router) register(route *routeSpec) {
	r.reg.mustBeOpen()
	r.used = true
	if route.handler == nil {
		r.mistake("%s without a handler", route.method)
		return
	}
	route.where, route.mws = caller(), r.mws
	r.lane.routes = append(r.lane.routes, route)
	if route.rejected {
		_, _ = r.wantMacro(StageRcpt, refusedMacro, asker{route.method, route.where, r.lane.name}) // its name is right
	}
}
