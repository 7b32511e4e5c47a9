package middleware

import "github.com/sluicemail/sluice/framework"

// NormalizeConfig bounds what [NormalizeHeaders] does for one value. The zero
// value is ready to use.
type NormalizeConfig struct {
	// MaxValue is the longest value, in bytes, in which encoded words are
	// looked for: 128 KiB, more than MTAs take, where it is zero.
	MaxValue int
	// MaxWords is how many encoded words of a value are decoded: 1000 where
	// it is zero. Those behind stay as they are.
	MaxWords int
}

// NormalizeHeaders shows header fields to the handlers that it wraps as a reader
// would write them down:
//
//   - Name is the canonical name: see [CanonicalHeaderName].
//   - Value is unfolded, decoded (RFC 2047) and UTF-8: see [DecodeHeaderValue].
//     Fields that are for machines, such as Message-ID and DKIM-Signature, are
//     unfolded and not decoded: an encoded word in them is none.
//
// Nothing changes in the mail. RawName and Raw of [framework.Header] show the
// field as it is, Problem tells what keeps its value from being shown in full.
// Handlers that are not wrapped, and other middleware, see the field as before.
//
// A decoded value is for people, and for rules about words. It must not be taken
// apart: =?utf-8?q?a=40b=2Ec=2C?= shows as "a@b.c,", which looks like an address
// and is a part of a name. To find addresses, parse what Raw returns, and decode
// what comes out.
//
// Name and Value are made when a handler asks, and cost nothing before. It adds
// nothing to the plan.
func NormalizeHeaders(cfg NormalizeConfig) framework.Middleware {
	d := newDecoder(cfg)
	views := framework.OncePerFilter(framework.PerConnection[normalView])
	return func(rt *framework.Route, next framework.Handler) framework.Handler {
		if cfg.MaxValue < 0 || cfg.MaxWords < 0 {
			rt.Errorf("NormalizeHeaders: a limit is negative")
			return next
		}
		if rt.Stage() != framework.StageHeader {
			return next
		}
		views := views(rt)
		return func(s *framework.Session, ev framework.Event) (framework.Verdict, error) {
			h, ok := ev.(*framework.Header)
			if !ok {
				return next(s, ev)
			}
			view := views.Get(s)
			view.decoder, view.field = d, h
			before := h.View()
			h.SetView(view)
			defer h.SetView(before)
			return next(s, ev)
		}
	}
}

// normalView shows one field at a time. It is part of the session's state, so
// that no field costs an allocation.
type normalView struct {
	decoder *decoder
	field   *framework.Header
}

// Name implements [framework.HeaderView].
func (*normalView) Name(raw string) string { return CanonicalHeaderName(raw) }

// Value implements [framework.HeaderView].
func (v *normalView) Value(raw string) (string, error) {
	value := unfold(raw)
	if !hasWords(value) || forMachines(v.field.RawName()) {
		return validText(value, nil)
	}
	return v.decoder.decode(value)
}
