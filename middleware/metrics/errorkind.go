package metrics

import (
	"context"
	"errors"
	"net"
	"os"

	"github.com/sluicemail/sluice/framework"
)

// The values of the label kind of errors.
const (
	kindPanic        = "panic"
	kindTimeout      = "timeout"
	kindPeerGone     = "peer_gone"
	kindCanceled     = "canceled"
	kindModification = "modification"
	kindMemory       = "memory"
	kindNetwork      = "network"
	kindOther        = "other"
)

// kindOf returns the kind of an error. For an error that only reports a canceled
// context, it considers the cause of the cancellation, too. So it asks for the
// context only then.
func kindOf(err error, ctx func() context.Context) string {
	if errors.Is(err, context.Canceled) {
		err = errors.Join(err, context.Cause(ctx()))
	}
	switch {
	case isA[*framework.PanicError](err):
		return kindPanic
	case isAny(err, framework.ErrHandlerTimeout, context.DeadlineExceeded, os.ErrDeadlineExceeded):
		return kindTimeout
	case errors.Is(err, framework.ErrPeerGone):
		return kindPeerGone
	case errors.Is(err, context.Canceled):
		return kindCanceled
	case errors.Is(err, framework.ErrNoMemory):
		return kindMemory
	case isAny(err, framework.ErrNoGrant, framework.ErrNotGranted, framework.ErrNoMessage, framework.ErrNoHeader),
		isA[*framework.ValueError](err):
		return kindModification
	case isA[net.Error](err):
		return kindNetwork
	}
	return kindOther
}

func isA[E error](err error) bool {
	_, ok := errors.AsType[E](err)
	return ok
}

func isAny(err error, targets ...error) bool {
	for _, target := range targets {
		if errors.Is(err, target) {
			return true
		}
	}
	return false
}
