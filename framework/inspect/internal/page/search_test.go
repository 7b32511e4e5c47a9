package page_test

import (
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"

	"github.com/sluicemail/sluice/framework/inspect/internal/page"
)

// The last ten records of a mailbox, 21 to 30, have one of each kind: see pagetest.Mail.
func TestSearch(t *testing.T) {
	t.Parallel()
	h := mailbox(t, page.Config{})
	for q, want := range map[string]string{
		"":                             "30 29 28 27 26 25 24 23 22 21",
		"state:rejected":               "23",
		"state:REJ":                    "23",
		"state:deferred":               "26 24",
		"state:deferred -failed:scan":  "24",
		"-state:accepted -took:100ms":  "28 24 23",
		"verdict:discard":              "29",
		"filter:spf":                   "28 24 23",
		"edited:banner":                "22 21",
		"filter:greylist":              "24",
		"failed:scanner":               "26",
		"failed:":                      "26",
		"from:bank.example":            "23",
		"to:ida@":                      "24",
		"addr:IDA@example.org":         "24",
		"addr:bank":                    "23",
		"client:203.0.113.77":          "23",
		"client:dynamic-200":           "28",
		"client:[203":                  "23",
		"reply:550":                    "23",
		`reply:"451 4.7.1"`:            "24",
		"subject:minutes":              "27",
		`subject:"your invoice"`:       "25",
		`"your invoice"`:               "25",
		"EICAR":                        "25",
		"greylisted":                   "24",
		"took:30s":                     "27",
		"took:>30s":                    "27",
		"mta:postfix subject:invoice":  "25",
		"nothing-has-this":             "",
		"-nothing-has-this state:held": "",
		"2001:db8::1":                  "",
		`"colour:red"`:                 "",
		"abcd::1":                      "",
		"id:00000024":                  "24",
	} {
		t.Run(q, func(t *testing.T) {
			t.Parallel()
			list := decode[page.List](t, send(t, h, "/api/messages?limit=100&q="+url.QueryEscape(q)))
			var last []string
			for _, id := range ids(list) {
				if len(id) == 2 && id >= "21" {
					last = append(last, id)
				}
			}
			assert.Equal(t, want, strings.Join(last, " "))
		})
	}
}

func TestSearchQueue(t *testing.T) {
	t.Parallel()
	h := mailbox(t, page.Config{})
	one := decode[page.List](t, send(t, h, "/api/messages?limit=1")).Messages[0]
	for _, q := range []string{"queue:" + one.QueueID, strings.ToLower(one.QueueID), "id:" + one.QueueID} {
		assert.Equal(t, []string{"30"}, ids(decode[page.List](t, send(t, h, "/api/messages?q="+q))), q)
	}
}

func TestSearchMistakes(t *testing.T) {
	t.Parallel()
	h := mailbox(t, page.Config{})
	for q, says := range map[string]string{
		"colour:red":              `the terms are addr: client: edited: failed: filter: from: id: mta: queue: reply: state: subject: to: took: verdict:; write \"colour:red\" in quotes`,
		"took:fast":               "took: needs a time",
		strings.Repeat("a ", 17):  "more than 16 terms",
		strings.Repeat("a", 501):  "longer than 500 bytes",
		"-colour:red state:x":     "is not a term",
		`colour:"red and green"`:  "is not a term",
		"subject:x COLOUR:green ": "is not a term",
	} {
		resp := send(t, h, "/api/messages?q="+url.QueryEscape(q))
		assert.Equal(t, http.StatusBadRequest, resp.StatusCode, q)
		assert.Contains(t, strings.ReplaceAll(body(t, resp), `\\"`, `\"`), says, q)
	}
}

// Whatever is typed gets an answer.
func FuzzSearch(f *testing.F) {
	for _, q := range []string{"state:rejected", `subject:"a b" -to:x`, "took:>1s", "2001:db8::1", `"`, "-", ":", "-:", "a:b:c", "\xff", "took:"} {
		f.Add(q)
	}
	h := page.New(newSource(3), page.Config{})
	f.Fuzz(func(t *testing.T, q string) {
		status := send(t, h, "/api/messages?q="+url.QueryEscape(q)).StatusCode
		assert.Contains(t, []int{http.StatusOK, http.StatusBadRequest}, status)
	})
}
