package headers

import (
	"crypto/rand"
	"fmt"
	"strconv"
	"strings"
	"time"
)

// timeFact compiles the current time, in UTC.
func timeFact(form string) (expr, error) {
	switch form {
	case "compact":
		return func(*run) string { return time.Now().UTC().Format("20060102150405") }, nil
	case "rfc3339":
		return func(*run) string { return time.Now().UTC().Format(time.RFC3339) }, nil
	case "unix":
		return func(*run) string { return strconv.FormatInt(time.Now().Unix(), 10) }, nil
	}
	forms := []string{"compact", "rfc3339", "unix"}
	return nil, fmt.Errorf(".Time %.60q: no such form%s; the forms are %s; the time as in the field Date is .Date",
		form, didYouMean(form, forms), strings.Join(forms, ", "))
}

// uniqueText returns a text that no other message has. It is the same in all templates of
// a message.
func (r *run) uniqueText() string {
	if r.unique == "" {
		r.unique = strings.ToLower(rand.Text())
	}
	return r.unique
}
