package framework

// wantSpec is something that a lane wants the framework to keep for it.
type wantSpec struct {
	kind wantKind
	by   asker
}

type wantKind uint8

const (
	wantClient wantKind = iota
	wantHelo
	wantEnvelope
	wantHeaders
	wantRawHeaders
	wantBody
)

func (r *Router) want(kind wantKind, method string) {
	r.reg.mustBeOpen()
	r.lane.kept = append(r.lane.kept, wantSpec{kind, asker{method, caller(), r.lane.name}})
}
