package headers

import "github.com/sluicemail/sluice/contrib/internal/logattr"

// set gives a field a new value. A value that is empty, or too long for the
// protocol, leaves the field unchanged.
func (r *run) set(i int, value string) {
	switch f := &r.fields[i]; {
	case value == "":
		r.empty.count(r.rule, f.name, 0)
	case len(value) > maxValue:
		r.tooLong.count(r.rule, f.name, len(value))
	default:
		f.value = value
	}
}

// damages reports whether a new name or a new value makes a field malformed that was not,
// as when a tag goes before an address. It counts such a field.
func (r *run) damages(i int, name, value string) bool {
	f := &r.fields[i]
	if conforms(name, value) || !conforms(f.name, f.value) {
		return false
	}
	r.damaged.count(r.rule, f.name, 0)
	return true
}

// unchanged says how many fields were not changed for one reason, and shows the first.
type unchanged struct {
	fields     int
	rule, name string
	bytes      int // the length of what did not fit or could not be encoded
}

func (u *unchanged) count(rule, name string, bytes int) {
	if u.fields++; u.fields == 1 {
		u.rule, u.name, u.bytes = rule, truncate(name, maxName), bytes
	}
}

// logUnchanged logs the fields that were not changed or not encoded. It writes one line
// for each reason, because the sender chooses the number of the fields and their values.
func (r *run) logUnchanged() {
	log := r.s.BoundedLogger(nil)
	if u := &r.tooLong; u.fields > 0 {
		log.Info("field not changed: new value too long",
			"rule", u.rule, "name", u.name, "bytes", u.bytes, "fields", u.fields, logattr.QueueID(r.s))
	}
	if u := &r.longName; u.fields > 0 {
		log.Info("field not renamed: new name too long",
			"rule", u.rule, "name", u.name, "bytes", u.bytes, "fields", u.fields, logattr.QueueID(r.s))
	}
	if u := &r.damaged; u.fields > 0 {
		log.Info("field not changed: it would become malformed", "rule", u.rule, "name", u.name, "fields", u.fields, logattr.QueueID(r.s))
	}
	if u := &r.unjoined; u.fields > 0 {
		log.Debug("fields not joined: malformed", "rule", u.rule, "name", u.name, logattr.QueueID(r.s))
	}
	if u := &r.empty; u.fields > 0 {
		log.Debug("field not changed: new value empty", "rule", u.rule, "name", u.name, "fields", u.fields, logattr.QueueID(r.s))
	}
	if u := &r.unencoded; u.fields > 0 {
		log.Debug("field not encoded: new value not UTF-8",
			"rule", u.rule, "name", u.name, "bytes", u.bytes, "fields", u.fields, logattr.QueueID(r.s))
	}
}
