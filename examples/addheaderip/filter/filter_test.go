package filter_test

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/sluicemail/sluice/examples/addheaderip/filter"
	"github.com/sluicemail/sluice/framework"
	"github.com/sluicemail/sluice/framework/miltertest"
	"github.com/sluicemail/sluice/wire"
	"github.com/sluicemail/sluice/wire/mta"
)

const text = "Subject: hello\nX-Client-IP: 203.0.113.1\n\nHow are you?\n"

func TestFilter(t *testing.T) {
	t.Parallel()
	tests := map[string]struct{ client, want string }{
		"IPv4":         {"192.0.2.7", "192.0.2.7"},
		"IPv6":         {"2001:db8::7", "2001:db8::7"},
		"IPv6 in full": {"2001:0db8:0:0:0:0:0:0007", "2001:db8::7"},
	}
	for name, c := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			res := miltertest.Run(t, filter.Filter{Header: "X-Client-IP"},
				miltertest.Message(text, miltertest.Client(c.client)))
			res.AssertAccepted(t)
			assert.Equal(t, []string{"203.0.113.1", c.want}, res.HeaderValues("X-Client-IP"),
				"what the sender wrote stays, the filter's own is the lowest")
			assert.Equal(t, "How are you?\r\n", res.Body())
		})
	}
}

func TestClientWithoutAddress(t *testing.T) {
	t.Parallel()
	for name, client := range map[string]mta.Client{
		"unix socket": {Host: "localhost", Family: wire.FamilyUnix, Addr: "/run/mail.sock"},
		"unknown":     {Host: "unknown", Family: wire.FamilyUnknown},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			msg := miltertest.Message(text)
			msg.Client = client
			res := miltertest.Run(t, filter.Filter{Header: "X-From"}, msg)
			res.AssertAccepted(t)
			assert.Equal(t, "unknown", res.Header("X-From"))
		})
	}
}

func TestEachSessionItsOwnClient(t *testing.T) {
	t.Parallel()
	srv := miltertest.NewServer(t, filter.Filter{Header: "X-From"})
	for _, client := range []string{"192.0.2.1", "192.0.2.2"} {
		conn := srv.Dial(t)
		for range 2 {
			res := conn.Run(t, miltertest.Message(text, miltertest.Client(client)))
			assert.Equal(t, client, res.Header("X-From"))
		}
	}
}

func TestFilterRefusesAName(t *testing.T) {
	t.Parallel()
	r := framework.NewRouter()
	r.Mount(filter.Filter{Header: strings.Repeat("x", 65)})
	_, err := r.Plan()
	require.Error(t, err)
	assert.Contains(t, err.Error(), `the field name "xxxxxxxxxxxxxxxxxxxx"… is longer than 64 bytes`)
}
