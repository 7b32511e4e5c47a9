package opendkim

import (
	"maps"
	"slices"
	"strings"
)

// trust writes whose mail is signed.
func (c *conversion) trust() {
	c.heading(0, "trust")
	c.hosts()
	c.macros()
}

// macros writes the macros of MacroList and MTA.
func (c *conversion) macros() {
	macros := make(map[string][]string)
	anyValue := make(map[string]bool)
	entries, _ := c.entries("MacroList")
	for i := range entries {
		name := "{" + strings.Trim(entries[i].Key, "{}") + "}"
		if entries[i].Value == "" {
			anyValue[name] = true
		}
		for value := range strings.SplitSeq(entries[i].Value, "|") {
			if value = strings.TrimSpace(value); value != "" {
				macros[name] = append(macros[name], value)
			}
		}
	}
	mtas, _ := c.entries("MTA")
	if len(mtas) > 0 {
		macros["{daemon_name}"] = append(macros["{daemon_name}"], keys(mtas)...)
	}
	for name := range anyValue {
		macros[name] = nil
	}
	c.heading(1, "macros")
	for _, name := range slices.Sorted(maps.Keys(macros)) {
		text := scalar(name) + ":"
		if !anyValue[name] {
			text += " " + list(macros[name])
		}
		from := []*Setting{c.set["MacroList"]}
		if name == "{daemon_name}" && len(mtas) > 0 {
			from = append(from, c.set["MTA"])
		}
		c.line(2, text, from...)
	}
}
