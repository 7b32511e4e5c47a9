package headers

// edit asks the framework for what the rules did to the header: each field
// that was shown is deleted, renamed or changed at most once, and then the new
// ones are put in their places from the top.
func (r *run) edit() error {
	for i := range r.fields {
		if f := &r.fields[i]; f.shown {
			if err := r.editShown(f); err != nil {
				return err
			}
		}
	}
	return r.addNew()
}

func (r *run) editShown(f *field) error {
	if f.deleted {
		return r.reg.change.Delete(r.s, f.handle)
	}
	if f.name != f.wasName {
		if err := r.reg.rename.Rename(r.s, f.handle, f.name); err != nil {
			return err
		}
	}
	if f.value != f.wasValue {
		return r.reg.change.Change(r.s, f.handle, f.value)
	}
	return nil
}

func (r *run) addNew() error {
	tail := len(r.order) // where appending begins to do
	for tail > 0 && !r.fields[r.order[tail-1]].shown && !r.fields[r.order[tail-1]].rest {
		tail--
	}
	above := 0
	for at, i := range r.order {
		f := &r.fields[i]
		if f.deleted || f.rest {
			continue
		}
		var err error
		switch {
		case f.shown:
		case at < tail:
			err = r.reg.add.Insert(r.s, above, f.name, f.value)
		default:
			err = r.reg.add.Append(r.s, f.name, f.value)
		}
		if err != nil {
			return err
		}
		above++
	}
	return nil
}
