package framework

// HeloName gives the name by which an SMTP client greeted the MTA, at every
// stage. It is made with [Router.WantHelo]. The method of the zero HeloName, and
// of one of another router, panics, as [Slot.Get] does.
type HeloName struct{ reg *registry }

// WantHelo keeps the name that the client gave with its last HELO or EHLO. It
// opens the stage Helo, and costs no answer.
func (r *Router) WantHelo() HeloName {
	r.want(wantHelo, "WantHelo")
	r.reg.helo = true
	return HeloName{r.reg}
}

// WantHelo is [Router.WantHelo] for middleware.
func (rt *Route) WantHelo() HeloName {
	lane := rt.router.lane
	lane.kept = append(lane.kept, wantSpec{wantHelo, rt.asker() + "(WantHelo)", rt.spec.where})
	rt.router.reg.helo = true
	return HeloName{rt.router.reg}
}

// Value returns the name, or "" where there was no HELO yet. Nothing says that it
// is true.
func (h HeloName) Value(s *Session) string {
	s.mustOwn(h.reg, "WantHelo")
	return s.client.helo
}
