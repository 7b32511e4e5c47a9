//go:build integration

package realmta_test

import (
	"net"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/sluicemail/sluice/framework"
	"github.com/sluicemail/sluice/framework/miltertest/realmta"
)

func TestEachAsksItsFilter(t *testing.T) {
	t.Parallel()
	for name, start := range realmta.Each(realmta.Config{}) {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			mta := start(t)
			assert.Equal(t, name, mta.Name())
			assert.Regexp(t, `^\d+\.\d+\.`, mta.Version())
			for _, network := range []string{"tcp", "unix"} {
				listener := mta.Listen(t, network)
				serveAdder(t, listener, network)
				mta.SetFilters(t, listener.Addr())
				got := delivered(t, mta, withEnvelope(realmta.Message{Data: []byte(simple)}, network))
				want := strings.Replace(simple, "\r\n\r\n", "\r\nX-Seen: "+network+"\r\n\r\n", 1)
				assert.Equal(t, want, string(got.WithoutTrace()))
			}
		})
	}
}

func TestEachChainsFilters(t *testing.T) {
	t.Parallel()
	var filters []net.Addr
	for _, name := range []string{"one", "two"} {
		listener, err := net.Listen("tcp", "127.0.0.1:0")
		require.NoError(t, err)
		serveAdder(t, listener, name)
		filters = append(filters, listener.Addr())
	}
	for name, start := range realmta.Each(realmta.Config{Filters: filters}) {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got := delivered(t, start(t), withEnvelope(realmta.Message{Data: []byte(simple)}, "chain"))
			assert.Contains(t, string(got.WithoutTrace()), "\r\nX-Seen: one\r\nX-Seen: two\r\n\r\n")
		})
	}
}

func TestEachGivesUpASlowFilter(t *testing.T) {
	t.Parallel()
	listener, err := net.Listen("tcp", "127.0.0.1:0") // accepts connections and never replies
	require.NoError(t, err)
	t.Cleanup(func() { _ = listener.Close() })
	cfg := realmta.Config{Filters: []net.Addr{listener.Addr()}, CommandTimeout: time.Second}
	for name, start := range realmta.Each(cfg) {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			mta := start(t)
			began := time.Now()
			c := dial(t, mta.Addr())
			code, _ := c.Deliver(withEnvelope(realmta.Message{Data: []byte(simple)}, "slow"))
			assert.Equal(t, 451, code)
			assert.Less(t, time.Since(began), 18*time.Second, "without CommandTimeout it is 20 s and more")
		})
	}
}

// The servers must end even if the test's process is killed and cannot stop
// them.
func TestServersEndWithACrash(t *testing.T) {
	const variable = "REALMTA_CRASH"
	if os.Getenv(variable) != "" {
		mta := realmta.StartSendmail(t, realmta.SendmailConfig{})
		dial(t, mta.Addr())
		require.NoError(t, os.WriteFile(os.Getenv(variable), []byte(mta.ConfigFile()), 0o600))
		time.Sleep(time.Minute)
		return
	}
	t.Parallel()
	file := t.TempDir() + "/started"
	cmd := exec.CommandContext(t.Context(), os.Args[0], "-test.run", "^TestServersEndWithACrash$")
	cmd.Env = append(os.Environ(), variable+"="+file)
	require.NoError(t, cmd.Start())
	var config []byte
	require.Eventually(t, func() bool {
		config, _ = os.ReadFile(file)
		return len(config) > 0
	}, time.Minute, 10*time.Millisecond)
	require.NoError(t, cmd.Process.Kill())
	assert.Error(t, cmd.Wait())
	dir := strings.TrimSuffix(string(config), "/sendmail.cf")
	assert.Eventually(t, func() bool {
		_, err := os.Stat(dir)
		return os.IsNotExist(err) && len(commandsWith(t, dir)) == 0
	}, time.Minute, 10*time.Millisecond)
}

// serveAdder serves a filter that adds a field, until the test ends.
func serveAdder(t *testing.T, listener net.Listener, value string) {
	t.Helper()
	r := framework.NewRouter()
	headers := r.GrantAddHeader()
	r.OnEndOfMessage(func(s *framework.Session, _ *framework.EndOfMessage) (framework.Verdict, error) {
		return framework.Continue, headers.Append(s, "X-Seen", value)
	})
	realmta.Serve(t, listener, r, framework.Config{})
}
