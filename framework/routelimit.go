package framework

import "time"

// Limit bounds the time that the lane's handlers may take for one event of this
// stage, below the limit of the server's configuration. Handlers that run past
// it are treated alike: their context ends, and if they do not heed that the
// policy verdict is given in their place.
func (rt *Route) Limit(d time.Duration) { shorten(&rt.limit, d) }

// LimitMessage bounds the time from the message's begin to the end of the
// lane's handlers, at any stage. It counts the time in which the MTA waits for
// its client, too.
func (rt *Route) LimitMessage(d time.Duration) { shorten(&rt.whole, d) }

// Limits returns what [Route.Limit] and [Route.LimitMessage] were given so far, or
// zero.
func (rt *Route) Limits() (event, message time.Duration) { return rt.limit, rt.whole }

// shorten sets a limit that is to be the shortest of all.
func shorten(limit *time.Duration, d time.Duration) {
	if d > 0 && (*limit == 0 || d < *limit) {
		*limit = d
	}
}

// limits are the times that the routes of a lane bound themselves to; zero
// means that they do not.
type limits struct {
	stage [numStages]time.Duration
	whole time.Duration
}

func (l *limits) add(f *folded) {
	if f.limit > 0 {
		shorten(&l.stage[f.stage], f.limit)
	}
	if f.whole > 0 {
		shorten(&l.whole, f.whole)
	}
}

// shortest returns the shortest limit of a plan, or zero.
func (p *Plan) shortest() (d time.Duration) {
	for i := range p.lanes {
		shorten(&d, p.lanes[i].limits.whole)
		for _, limit := range p.lanes[i].limits.stage {
			shorten(&d, limit)
		}
	}
	return d
}

// limit returns how long the handlers of the lane that runs may take for the
// event that they run for. At the end of the message that holds for what is
// shown again, too.
func (l *link) limit() time.Duration {
	limit := l.cfg.HandlerTimeout
	if l.due == StageEndOfMessage {
		limit = l.cfg.MessageTimeout
	}
	own := &l.lane.plan.limits
	shorten(&limit, own.stage[l.stage])
	if own.whole > 0 {
		limit = min(limit, max(0, own.whole-l.began.Sub(l.session.began)))
	}
	return limit
}
