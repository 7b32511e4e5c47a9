package cli_test

import (
	"testing"

	"github.com/stretchr/testify/assert"

	"github.com/sluicemail/sluice/examples/internal/cli"
)

func TestCheckAddress(t *testing.T) {
	t.Parallel()
	for value, valid := range map[string]bool{
		"inet:9000@127.0.0.1": true, "inet6:9000@::1": true, "unix:/run/x.sock": true, "fd:milter": true,
		"tls:inet:9000@127.0.0.1?cert=c&key=k": true, "tls:fd:milter?cert=c&key=k": true,
		"": false, "tls:": false, "tls:9000": false, "tls:tls:inet:9000": false, "127.0.0.1:9000": false,
	} {
		assert.Equal(t, valid, cli.CheckAddress(value) == nil, value)
	}
}
