package headers

import (
	"slices"
	"strings"

	"github.com/sluicemail/sluice/framework/message"
)

// addressKey returns the form in which addresses are compared. Case does not matter, nor
// do quotes around the local part that need not be there. The domain is in ASCII, so that
// the two spellings of an internationalized domain are equal, and without the dot that it
// may end in. The null address is "".
func addressKey(a message.Address) string {
	if a.Domain == "" {
		return strings.ToLower(a.Local)
	}
	return strings.ToLower(a.Local) + "@" + domainKey(string(a.Domain))
}

// pathKey returns the addressKey of an address of the envelope.
func pathKey(path string) string {
	a, err := message.ParsePath(path, message.Tolerant)
	if err != nil {
		return strings.ToLower(path)
	}
	return addressKey(a)
}

// addressText returns the form of an address that patterns match: with the local part as it
// is, but in quotes only if it must be, and the domain in ASCII and lower case.
func addressText(a message.Address) string {
	a.Domain = message.Domain(domainKey(string(a.Domain)))
	return a.Addr()
}

// pathText returns the addressText of an address of the envelope.
func pathText(path string) string {
	a, err := message.ParsePath(path, message.Tolerant)
	if err != nil {
		return path
	}
	return addressText(a)
}

// domainKey returns the form in which domains are compared.
func domainKey(domain string) string {
	return strings.TrimSuffix(message.Domain(domain).ASCII(), ".")
}

// textKey returns the form in which texts are compared that may be addresses, domains or
// other names.
func textKey(text string) string {
	text = strings.TrimSpace(text)
	if strings.Contains(text, "@") {
		return pathKey(text)
	}
	return domainKey(text)
}

// readAddresses returns the addresses with a domain in the value of a field. A value
// without any, or with encoded words in an address, is read once more as a mail reader may
// show it: with its encoded words decoded, and without quotes and angle brackets, which may
// be empty. If it still has none, readable is false, unless it is an empty group.
func readAddresses(value string) (list []message.Address, readable bool) {
	list, err := message.ParseAddressList(value, message.Tolerant)
	empty := err == nil && len(list) == 0
	list = withDomain(list)
	if len(list) > 0 && !slices.ContainsFunc(list, hasWord) {
		return list, true
	}
	shown := strings.NewReplacer(`"`, " ", "<", " ", ">", " ").Replace(decoded(value))
	again, _ := message.ParseAddressList(shown, message.Tolerant)
	list = append(list, withDomain(again)...)
	return list, empty || len(list) > 0
}

// hasWord reports whether an address has what looks like an encoded word.
func hasWord(a message.Address) bool {
	return strings.Contains(a.Local, "=?") || strings.Contains(string(a.Domain), "=?")
}

// withDomain returns the addresses of a list that have a domain.
func withDomain(list []message.Address) []message.Address {
	kept := list[:0]
	for _, a := range list {
		if a.Domain != "" {
			kept = append(kept, a)
		}
	}
	return kept
}
