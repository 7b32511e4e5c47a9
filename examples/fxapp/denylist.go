package main

import (
	"bytes"
	"fmt"

	"github.com/sluicemail/sluice/contrib/configfile"
	"github.com/sluicemail/sluice/examples/fxapp/filter"
)

// maxDenylist limits the size of the file, in bytes.
const maxDenylist = 64 << 20

// NewDenylist reads the file that the settings name. It returns nil if they name
// none.
func NewDenylist(s Settings) (filter.Denylist, error) {
	if s.Deny == "" {
		return nil, nil
	}
	text, _, err := configfile.Read(s.Deny, maxDenylist)
	if err != nil {
		return nil, err
	}
	list, err := filter.ReadDenylist(bytes.NewReader(text))
	if err != nil {
		return nil, fmt.Errorf("%s: %w", s.Deny, err)
	}
	return list, nil
}
