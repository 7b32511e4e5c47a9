package loglimit

import (
	"context"
	"errors"
	"log/slog"
	"net"
	"net/netip"
	"reflect"
)

// handler drops the lines of one peer that are beyond the limits.
type handler struct {
	limiter *Limiter
	peer    string
	next    slog.Handler
	out     slog.Handler
	added   traits // of the attributes that were added
}

// Handler returns a handler that passes the lines of a peer to next, within the limits.
// It passes lines below level INFO without counting them. When a window ends, out
// receives the number of the lines that were suppressed. Lines without an attribute filter
// count as those of the given filter. Attributes that next has already are not seen.
func (l *Limiter) Handler(peer, filter string, next, out slog.Handler) slog.Handler {
	return &handler{limiter: l, peer: peer, next: next, out: out, added: traits{filter: filter}}
}

// Peer returns the name under which the lines of a peer are counted: its IP address, or
// its network of 64 bits if that is IPv6, because one host may have all of its addresses.
// For a peer that has none, Peer returns the given name.
func Peer(addr net.Addr, name string) string {
	tcp, ok := addr.(*net.TCPAddr)
	if !ok {
		return name
	}
	ip := tcp.AddrPort().Addr().Unmap().WithZone("")
	if !ip.Is6() {
		return ip.String()
	}
	return netip.PrefixFrom(ip, 64).Masked().String()
}

// Enabled implements slog.Handler.
func (h *handler) Enabled(ctx context.Context, level slog.Level) bool {
	return h.next.Enabled(ctx, level)
}

// Handle implements slog.Handler.
func (h *handler) Handle(ctx context.Context, line slog.Record) error {
	if line.Level >= slog.LevelInfo {
		t := h.added
		line.Attrs(func(a slog.Attr) bool {
			t.note(a)
			return true
		})
		kind, text := t.kind(&line)
		if !h.limiter.allow(h.peer, kind, text, h.out) {
			return nil
		}
	}
	return h.next.Handle(ctx, line)
}

// WithAttrs implements slog.Handler.
func (h *handler) WithAttrs(attrs []slog.Attr) slog.Handler {
	with := *h
	with.next = h.next.WithAttrs(attrs)
	for _, a := range attrs {
		with.added.note(a)
	}
	return &with
}

// WithGroup implements slog.Handler.
func (h *handler) WithGroup(name string) slog.Handler {
	with := *h
	with.next = h.next.WithGroup(name)
	return &with
}

// traits are what the attributes of a line say about its kind.
type traits struct {
	filter, stage string
	err           slog.Value
}

// note records an attribute. A later one with the same key replaces it.
func (t *traits) note(a slog.Attr) {
	switch a.Key {
	case "filter":
		t.filter = a.Value.String()
	case "stage":
		t.stage = a.Value.String()
	case "error", "reason":
		t.err = a.Value
	}
}

// kind returns the kind of a line, and the text of its error.
func (t *traits) kind(line *slog.Record) (kind Kind, text string) {
	kind = Kind{Level: line.Level, Message: line.Message, Filter: t.filter, Stage: t.stage}
	if line.Level >= slog.LevelWarn && t.err.Any() != nil {
		text = t.err.String() // which recovers from a panic of the error's method
		kind.Cause = cause(t.err)
	}
	return kind, text
}

// cause returns the type of the error that began a chain of errors, or nil.
func cause(v slog.Value) reflect.Type {
	if v.Kind() != slog.KindAny {
		return nil
	}
	err, ok := v.Any().(error)
	if !ok {
		return nil
	}
	return reflect.TypeOf(root(err))
}

// root returns the error that began a chain of errors.
func root(err error) error {
	for {
		next := errors.Unwrap(err)
		if joined, ok := err.(interface{ Unwrap() []error }); ok && len(joined.Unwrap()) > 0 {
			next = joined.Unwrap()[0]
		}
		if next == nil {
			return err
		}
		err = next
	}
}
