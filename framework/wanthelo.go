package framework

// KeptHelo gives the name by which an SMTP client greeted the MTA, at every
// stage. It is made with [Router.WantHelo]. The method of the zero KeptHelo, and
// of one of another router, panics, as [Slot.Get] does.
type KeptHelo struct{ reg *registry }

// WantHelo keeps the name that the client gave with its last HELO or EHLO. It
// opens the stage Helo, and costs no answer.
func (r *Router) WantHelo() KeptHelo {
	r.want(wantHelo, "WantHelo")
	r.reg.helo = true
	return KeptHelo{r.reg}
}

// WantHelo is [Router.WantHelo] for middleware.
func (rt *Route) WantHelo() KeptHelo {
	lane := rt.router.lane
	by := rt.asker()
	by.method += "(WantHelo)"
	lane.kept = append(lane.kept, wantSpec{wantHelo, by})
	rt.router.reg.helo = true
	return KeptHelo{rt.router.reg}
}

// Value returns the name, or "" where there was no HELO yet. Nothing says that it
// is true.
func (h KeptHelo) Value(s *Session) string {
	s.mustOwn(h.reg, "WantHelo")
	return s.client.helo
}
