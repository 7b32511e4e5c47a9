package main_test

import (
	"bytes"
	"io"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/sluicemail/sluice/contrib/headers"
	main "github.com/sluicemail/sluice/examples/headerd"
	"github.com/sluicemail/sluice/framework/miltertest"
	"github.com/sluicemail/sluice/framework/miltertest/testproc"
	"github.com/sluicemail/sluice/wire/mta"
)

// deliver sends a message and returns the text of the message after the edits.
func deliver(t *testing.T, address string) string {
	t.Helper()
	conn, err := mta.Dial(t.Context(), address, mta.Config{})
	require.NoError(t, err)
	outcome, err := conn.Send(t.Context(), &mta.Message{Body: []byte("hello\r\n")})
	require.NoError(t, err)
	require.NoError(t, conn.Quit(t.Context()))
	require.NotNil(t, outcome.Edited)
	return string(outcome.Edited.Bytes())
}

// notifications sets up what systemd sets up for a unit of Type=notify, and returns what it is
// sent, with a line end after each notification.
func notifications(t *testing.T) *testproc.Buffer {
	t.Helper()
	path, got := filepath.Join(t.TempDir(), "notify"), new(testproc.Buffer)
	conn, err := net.ListenUnixgram("unixgram", &net.UnixAddr{Name: path, Net: "unixgram"})
	require.NoError(t, err)
	t.Setenv("NOTIFY_SOCKET", path)
	done := make(chan struct{})
	go func() {
		defer close(done)
		buf := make([]byte, 4096)
		for {
			n, err := conn.Read(buf)
			if err != nil {
				return
			}
			_, _ = got.Write(append(buf[:n:n], '\n'))
		}
	}()
	t.Cleanup(func() {
		assert.NoError(t, conn.Close())
		<-done
	})
	return got
}

const addY = "rules: [{do: [{add: {name: Y, value: '2'}}]}]\n"

// TestHangup reloads the file with SIGHUP while an MTA is connected.
func TestHangup(t *testing.T) { //nolint:paralleltest // signals are the whole process's
	file, socket := write(t, addX), filepath.Join(t.TempDir(), "x.sock")
	stderr, ended, manager := new(testproc.Buffer), make(chan int, 1), notifications(t)
	args := []string{"-config", file, "-listen", "unix:" + socket, "-metrics", "127.0.0.1:0"}
	go func() { ended <- main.Run(args, io.Discard, stderr) }()
	require.Eventually(t, func() bool {
		conn, err := net.Dial("unix", socket)
		if err == nil {
			_ = conn.Close()
		}
		return err == nil
	}, time.Minute, 10*time.Millisecond)
	hangUp := func(text string) {
		t.Helper()
		require.NoError(t, os.WriteFile(file, []byte(text), 0o600))
		require.NoError(t, syscall.Kill(os.Getpid(), syscall.SIGHUP))
	}

	assert.Contains(t, deliver(t, "unix:"+socket), "X: 1\r\n")
	metrics := shownAt.FindStringSubmatch(stderr.String())[1]
	text := scrape(t, metrics, "sluice_config_last_reload_successful 1\n")
	assert.Regexp(t, `\nsluice_config_last_reload_success_timestamp_seconds 1\.\d+e\+09\n`, text)
	hangUp(addY)
	stderr.Await(t, `msg="configuration reloaded"`, 1)
	manager.Await(t, "RELOADING=1\nMONOTONIC_USEC=", 1)
	manager.Await(t, " configuration reloaded\n", 1)
	got := deliver(t, "unix:"+socket)
	assert.Contains(t, got, "Y: 2\r\n")
	assert.NotContains(t, got, "X: 1\r\n")

	hangUp("rules: [{do: [{add: {name: 'Z z', value: '3'}}]}]\n")
	stderr.Await(t, `msg="configuration not reloaded: the old rules stay in force"`, 1)
	assert.Contains(t, stderr.String(), ":1:28: rule 1: Add: Name:")
	manager.Await(t, " configuration refused, the old one stays in force: "+file+":1:28: rule 1: Add: Name:", 1)
	scrape(t, metrics, "sluice_config_last_reload_successful 0\n")
	hangUp("rules: [{do: [{delete: A}]}]\n")
	stderr.Await(t, `msg="configuration not reloaded: the new rules need a restart"`, 1)
	assert.Contains(t, stderr.String(), `missing="[the header permission to change fields]"`)
	assert.Contains(t, deliver(t, "unix:"+socket), "Y: 2\r\n")
	hangUp("rules: [{do: [{add: {name: Y, value: '2'}}], last: true}, {do: [{reject: unreached}]}]\n")
	stderr.Await(t, "warning: rule 2: no message reaches this rule", 1)
	scrape(t, metrics, "sluice_config_last_reload_successful 1\n")

	idle, err := mta.Dial(t.Context(), "unix:"+socket, mta.Config{})
	require.NoError(t, err)
	require.NoError(t, syscall.Kill(os.Getpid(), syscall.SIGTERM))
	stderr.Await(t, "msg=draining", 1)
	hangUp(addX) // the signal must not end the process, which is the test
	require.NoError(t, idle.Quit(t.Context()))
	assert.Zero(t, <-ended)
	assert.NoFileExists(t, socket)
}

func TestReloadOfAFileThatIsGone(t *testing.T) {
	t.Parallel()
	file := write(t, addX)
	rules, err := main.NewRules(main.Settings{Config: file})
	require.NoError(t, err)
	f, err := main.NewFilter(rules)
	require.NoError(t, err)
	require.NoError(t, os.Remove(file))
	var log bytes.Buffer
	require.ErrorIs(t, main.Reload(t.Context(), main.NewLoader(main.Settings{Config: file}), headers.Config{}, f, slog.New(slog.NewTextHandler(&log, nil))), os.ErrNotExist)
	assert.Contains(t, log.String(), `msg="configuration not reloaded: the old rules stay in force"`)
	assert.Contains(t, log.String(), "no such file")
	assert.Equal(t, 1, f.Rules())
}

// TestBadReloadsUnderLoad shows that the old rules apply to every message while
// files that cannot be applied are reloaded again and again.
func TestBadReloadsUnderLoad(t *testing.T) {
	t.Parallel()
	rules, err := main.NewRules(main.Settings{Config: write(t, addX)})
	require.NoError(t, err)
	f, err := main.NewFilter(rules)
	require.NoError(t, err)
	srv := miltertest.NewServer(t, f)
	files := []string{"", "rules: [", "rules: []\nrules: []\n", "rules: [{do: [{delete: X}]}]\n", "metrics: 127.0.0.1:1\n" + addX, addY + "---\n" + addY, "\x00"}
	for i, text := range files {
		files[i] = write(t, text)
	}
	var clients sync.WaitGroup
	done := make(chan struct{})
	for range 3 {
		conn := srv.Dial(t)
		clients.Go(func() {
			for range 100 {
				outcome, err := conn.Send(t.Context(), miltertest.Message("A: 1\n\nbody\n"))
				if assert.NoError(t, err) {
					assert.Contains(t, string(outcome.Edited.Bytes()), "A: 1\r\nX: 1\r\n\r\n")
				}
			}
		})
	}
	go func() { clients.Wait(); close(done) }()
	var log bytes.Buffer
	for reloads := 0; ; reloads++ {
		_ = main.Reload(t.Context(), main.NewLoader(main.Settings{Config: files[reloads%len(files)]}), headers.Config{}, f, slog.New(slog.NewTextHandler(&log, nil)))
		select {
		case <-done:
			assert.Equal(t, reloads+1, strings.Count(log.String(), `msg="configuration not reloaded:`), log.String())
			assert.Equal(t, 1, f.Rules())
			return
		default:
		}
	}
}

// TestReloadWithOtherInspector changes the section inspect, which needs a restart.
func TestReloadWithOtherInspector(t *testing.T) {
	t.Parallel()
	const section = "inspect: {address: '127.0.0.1:0', content: none}\n"
	file := write(t, section+addX)
	settings := main.Settings{Config: file}
	rules, err := main.NewRules(settings)
	require.NoError(t, err)
	f, err := main.NewFilter(rules)
	require.NoError(t, err)
	for text, says := range map[string]string{
		"# the same, with a comment\n" + section: `msg="configuration reloaded"`,
		"":                                       `msg="configuration not reloaded: the new rules need a restart" file=` + file + ` missing=[inspect] error="a change of inspect needs a restart"`,
		"inspect: {address: '127.0.0.1:0', content: all}\n": `missing=[inspect]`,
		"inspect: {contents: all}\n":                        file + `:1:11: unknown setting \"contents\" (did you mean content?)`,
	} {
		var log bytes.Buffer
		require.NoError(t, os.WriteFile(file, []byte(text+addX), 0o600))
		_ = main.Reload(t.Context(), main.NewLoader(settings), rules, f, slog.New(slog.NewTextHandler(&log, nil)))
		assert.Contains(t, log.String(), says)
	}
}

// TestReloadWithOtherMetrics changes the address of the metrics in the file. It needs a
// restart only if the command line has none.
func TestReloadWithOtherMetrics(t *testing.T) {
	t.Parallel()
	settings := main.Settings{Config: write(t, "metrics: 127.0.0.1:9090\n"+addX)}
	for flag, says := range map[string]string{
		"":               `msg="configuration not reloaded: the new rules need a restart" file=`,
		"127.0.0.1:9091": `msg="configuration reloaded"`,
	} {
		rules, err := main.NewRules(settings)
		require.NoError(t, err)
		f, err := main.NewFilter(rules)
		require.NoError(t, err)
		var log bytes.Buffer
		settings.Metrics = flag
		err = main.Reload(t.Context(), main.NewLoader(settings), headers.Config{Metrics: "127.0.0.1:9091"}, f, slog.New(slog.NewTextHandler(&log, nil)))
		assert.Equal(t, flag == "", err != nil)
		assert.Contains(t, log.String(), says)
		assert.Equal(t, flag == "", strings.Contains(log.String(), `missing="[the address of the metrics]" error="a new address for the metrics needs a restart"`))
	}
}
