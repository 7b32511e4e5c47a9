package headers

import (
	"strings"

	"github.com/sluicemail/sluice/framework/message"
)

// addressFact compiles a fact about the address in a field. It is empty unless the message
// has exactly one field with the name, and exactly one address in it: otherwise a sender
// could write the address that a rule allows before another.
func (c *compiler) addressFact(name string, of func(message.Address) string) (expr, error) {
	if err := checkName(name); err != nil {
		return nil, err
	}
	c.needs.headers = true
	id := c.intern(name)
	return func(r *run) string {
		fields := r.indexes(id)
		if len(fields) != 1 {
			return ""
		}
		list, _ := readAddresses(r.fields[fields[0]].value)
		if len(list) != 1 {
			return ""
		}
		return of(list[0])
	}, nil
}

// shownRecipients compiles the fact .ShownRecipients.
func (c *compiler) shownRecipients() expr {
	c.needs.envelope, c.needs.headers = true, true
	var ids []nameID
	for _, name := range []string{"To", "Cc", "Resent-To", "Resent-Cc"} {
		ids = append(ids, c.intern(name))
	}
	return func(r *run) string {
		shown := make(map[string]bool)
		for _, id := range ids {
			for _, i := range r.indexes(id) {
				list, _ := readAddresses(r.fields[i].value)
				for _, a := range list {
					shown[addressKey(a)] = true
				}
			}
		}
		var list []string
		for _, rcpt := range r.recipients() {
			if shown[rcpt.key] {
				list = append(list, rcpt.text)
			}
		}
		return strings.Join(list, ", ")
	}
}

// localOf returns the local part of an address, or "".
func localOf(text string) string {
	a, err := message.ParsePath(strings.TrimSpace(text), message.Tolerant)
	if err != nil {
		return ""
	}
	return a.Local
}

// domainOf returns the domain of an address in ASCII, or "".
func domainOf(text string) string {
	a, err := message.ParsePath(strings.TrimSpace(text), message.Tolerant)
	if err != nil {
		return ""
	}
	return domainKey(string(a.Domain))
}

// domainsOf returns the domains of a list of addresses, each once.
func domainsOf(text string) string {
	addresses, _ := message.ParseAddressList(text, message.Tolerant)
	seen := make(map[string]bool)
	var list []string
	for _, a := range addresses {
		if domain := domainKey(string(a.Domain)); domain != "" && !seen[domain] {
			seen[domain] = true
			list = append(list, domain)
		}
	}
	return strings.Join(list, ", ")
}
