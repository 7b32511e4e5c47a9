package arc

import (
	"net/netip"
	"strings"

	"github.com/sluicemail/sluice/contrib/authres"
	mail "github.com/sluicemail/sluice/framework/message"
)

// ownResults returns the results of an Authentication-Results field of this host, as the field
// has them, comments and folds included. It returns none for a field of another host, for one
// that is malformed, and for one without results.
func ownResults(name, value, id string) []string {
	if !authres.IsName(name) {
		return nil
	}
	f, err := authres.Parse(value)
	if err != nil || len(f.Results) == 0 || mail.Domain(f.ID).ASCII() != mail.Domain(id).ASCII() {
		return nil
	}
	list := strings.TrimRight(strings.ReplaceAll(afterID(value), "\r\n", "\n"), " \t\n;")
	if strings.TrimSpace(list) == "" {
		return nil
	}
	return []string{list}
}

// afterID returns what follows the authserv-id and its semicolon. The value must be well-formed.
func afterID(value string) string {
	quoted, depth := false, 0
	for i := 0; i < len(value); i++ {
		switch c := value[i]; {
		case c == '\\' && (quoted || depth > 0):
			i++
		case c == '"' && depth == 0:
			quoted = !quoted
		case c == '(' && !quoted:
			depth++
		case c == ')' && depth > 0:
			depth--
		case c == ';' && !quoted && depth == 0:
			return value[i+1:]
		}
	}
	return ""
}

// joinResults returns what follows the instance in an ARC-Authentication-Results field: the
// authserv-id and the results of this host. If these have none for ARC, the result of the chain
// comes first. The text of the fields stays as it is, because this host wrote it.
func joinResults(id string, own []string, r *Result) (string, error) {
	text := strings.Join(own, ";")
	field := authres.Field{ID: id}
	if there, _ := authres.Parse(id + ";" + text); !hasARC(there.Results) {
		field.Results = []authres.Result{r.Authres(netip.Addr{})}
	}
	head, err := authres.Format(field.ASCII())
	if err != nil {
		return "", err
	}
	if len(own) > 0 {
		head = strings.TrimSuffix(head, "; none") + ";" + text
	}
	return " " + head, nil
}

// hasARC reports whether results have one for ARC.
func hasARC(list []authres.Result) bool {
	for i := range list {
		if list[i].Method == "arc" {
			return true
		}
	}
	return false
}
