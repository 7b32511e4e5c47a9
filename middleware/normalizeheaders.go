package middleware

import (
	"strings"

	"github.com/sluicemail/sluice/framework"
	"github.com/sluicemail/sluice/framework/message"
)

// NormalizeConfig configures [NormalizeHeaders]. The zero value is ready to use.
type NormalizeConfig struct {
	// MaxValue is the maximum length in bytes of a value whose encoded words
	// are decoded. 0 means 128 KiB, which is more than MTAs accept.
	MaxValue int
	// MaxWords is the maximum number of encoded words of a value that are
	// decoded. The words after them are left unchanged. 0 means 1000.
	MaxWords int
}

// NormalizeHeaders changes what the wrapped handlers see of a header field:
//
//   - Name returns the canonical name: see [CanonicalHeaderName].
//   - Value returns the value unfolded, with encoded words (RFC 2047) decoded,
//     and as UTF-8: see [message.Decode]. The values of structured fields
//     without phrases, such as Message-ID and DKIM-Signature, are only
//     unfolded, because they cannot have encoded words: see
//     [message.FormOf].
//
// The mail does not change. RawName and Raw of [framework.Header] return the
// original name and value, and Problem returns the error of decoding. Other
// handlers and other middleware see the original field.
//
// Decoded values are for people, and for rules that look for words. They must
// not be parsed: =?utf-8?q?a=40b=2Ec=2C?= is decoded to "a@b.c,", which looks
// like an address but is part of a name. To find addresses, parse the value
// that Raw returns, and decode the results.
//
// Name and Value decode the field when a handler calls them. It adds nothing to
// the plan.
func NormalizeHeaders(cfg NormalizeConfig) framework.Middleware {
	d := message.Decoder(cfg)
	views := framework.OncePerFilter(framework.PerConnection[normalizedView])
	return func(rt *framework.Route, next framework.Handler) framework.Handler {
		if cfg.MaxValue < 0 || cfg.MaxWords < 0 {
			rt.Errorf("NormalizeConfig.MaxValue and MaxWords must not be negative")
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

// normalizedView is the view of the current field. A slot of the session holds
// it, to save an allocation for each field.
type normalizedView struct {
	decoder message.Decoder
	field   *framework.Header
}

// Name implements [framework.HeaderView].
func (*normalizedView) Name(raw string) string { return CanonicalHeaderName(raw) }

// Value implements [framework.HeaderView].
func (v *normalizedView) Value(raw string) (string, error) {
	if strings.Contains(raw, "=?") && message.FormOf(v.field.RawName()) == message.FormStructured {
		return message.UndecodedText(raw)
	}
	return v.decoder.Decode(raw)
}
