package middleware

import "github.com/sluicemail/sluice/framework"

// effect reports a middleware that has no effect, because it wraps no handler at which it
// has one. The filters of a router count together: a limit that all filters share may leave
// some of them alone.
type effect func(rt *framework.Route) *bool

// needsEffect returns an effect. If watch saw an effect at no route of a router, Plan returns the
// error.
func needsEffect(err error) effect {
	return framework.OncePerRouter(func(rt *framework.Route) *bool {
		found := new(bool)
		rt.AfterWrapping(func() error {
			if *found {
				return nil
			}
			return err
		})
		return found
	})
}

// watch is called for every wrapped handler. It notes whether the middleware has an effect
// at this one, and returns it.
func (e effect) watch(rt *framework.Route, has bool) bool {
	found := e(rt)
	*found = *found || has
	return has
}
