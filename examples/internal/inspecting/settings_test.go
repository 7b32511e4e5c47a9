package inspecting_test

import (
	"flag"
	"io"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/sluicemail/sluice/examples/internal/inspecting"
	"github.com/sluicemail/sluice/framework/inspect"
	"github.com/sluicemail/sluice/framework/inspect/record"
)

// parse parses a command line over settings.
func parse(t *testing.T, over inspecting.Settings, args ...string) (inspecting.Settings, error) {
	t.Helper()
	var f inspecting.Flag
	fs := flag.NewFlagSet("", flag.ContinueOnError)
	fs.SetOutput(io.Discard)
	f.AddFlag(fs)
	err := fs.Parse(args)
	return f.Over(over), err
}

func TestFlag(t *testing.T) {
	t.Parallel()
	file := inspecting.Settings{
		Address: "127.0.0.1:1", TokenFile: "/file", Config: inspect.Config{Content: record.ContentNone, Slow: 1},
	}
	other := file
	other.Address, other.Config.Content = "127.0.0.1:2", record.ContentAll
	off := file
	off.Address = ""
	for name, c := range map[string]struct {
		over inspecting.Settings
		args []string
		want inspecting.Settings
	}{
		"nothing": {},
		"port":    {args: []string{"-inspect", "127.0.0.1:8025"}, want: inspecting.Settings{Address: "127.0.0.1:8025"}},
		"IPv6":    {args: []string{"-inspect", "[::1]:0"}, want: inspecting.Settings{Address: "[::1]:0"}},
		"socket of systemd": {
			args: []string{"-inspect", "fd:page"}, want: inspecting.Settings{Address: "fd:page"},
		},
		"socket with a mode and with options": {
			args: []string{"-inspect", "unix:/run/x.sock?mode=0600&content=none&group=adm&folder=/var/lib/x"},
			want: inspecting.Settings{
				Address: "unix:/run/x.sock?mode=0600&group=adm",
				Config:  inspect.Config{Content: record.ContentNone, Folder: "/var/lib/x"},
			},
		},
		"token": {
			args: []string{"-inspect", "0.0.0.0:80?token_file=/etc/token&content=header"},
			want: inspecting.Settings{
				Address: "0.0.0.0:80", TokenFile: "/etc/token", Config: inspect.Config{Content: record.ContentHeader},
			},
		},
		"over a file":          {over: file, args: []string{"-inspect", "127.0.0.1:2?content=all"}, want: other},
		"a file, and no flag":  {over: file, want: file},
		"off":                  {over: file, args: []string{"-inspect", "off"}, want: off},
		"empty":                {over: file, args: []string{"-inspect="}, want: off},
		"the last one decides": {args: []string{"-inspect", "off", "-inspect", ":1"}, want: inspecting.Settings{Address: ":1"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got, err := parse(t, c.over, c.args...)
			require.NoError(t, err)
			assert.Equal(t, c.want, got)
		})
	}
}

func TestFlagRefuses(t *testing.T) {
	t.Parallel()
	const form = "want an address and a port such as 127.0.0.1:8025, unix:PATH or fd:NAME"
	for name, c := range map[string]struct{ value, says string }{
		"no port":          {"127.0.0.1", form},
		"no number":        {"127.0.0.1:http", form},
		"port too large":   {"127.0.0.1:65536", form},
		"form of -listen":  {"inet:8025@127.0.0.1", form},
		"no path":          {"unix:", form},
		"options alone":    {"?content=all", form},
		"unknown option":   {"127.0.0.1:1?colour=red", `unknown option "colour": want content, folder or token_file`},
		"unknown content":  {"127.0.0.1:1?content=some", "option content: want none, header or all"},
		"no content":       {"127.0.0.1:1?content", "option content: want none, header or all"},
		"no folder":        {"127.0.0.1:1?folder=", "option folder: the value is missing"},
		"no token":         {"unix:/x?token_file", "option token_file: the value is missing"},
		"several mistakes": {"127.0.0.1?folder=&token_file=", "option folder: the value is missing\noption token_file: the value is missing\n" + form},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			_, err := parse(t, inspecting.Settings{}, "-inspect", c.value)
			require.ErrorContains(t, err, c.says)
			assert.ErrorContains(t, err, "-inspect")
		})
	}
}

// Without a token or a proxy the page is for this host alone.
func TestValidate(t *testing.T) {
	t.Parallel()
	for address, exposed := range map[string]bool{
		"": false, "127.0.0.1:1": false, "127.8.8.8:1": false, "[::1]:1": false, "localhost:1": false, "unix:/x": false, "fd:x": false,
		":1": true, "0.0.0.0:1": true, "[::]:1": true, "192.0.2.1:1": true, "mail.example.org:1": true, "[::ffff:192.0.2.1]:1": true,
	} {
		t.Run(address, func(t *testing.T) {
			t.Parallel()
			s := inspecting.Settings{Address: address}
			if exposed {
				require.ErrorIs(t, s.Validate(), inspecting.ErrExposed)
			} else {
				require.NoError(t, s.Validate())
			}
			s.TokenFile = "/token"
			require.NoError(t, s.Validate())
			s.TokenFile, s.Config.ProxyUserHeader = "", "X-User"
			require.NoError(t, s.Validate())
		})
	}
	s := inspecting.Settings{Address: "nothing"}
	require.Error(t, s.Validate())
}

// FuzzSet applies any value of the flag. What it accepts is an address that can be listened on.
func FuzzSet(f *testing.F) {
	for _, value := range []string{
		"127.0.0.1:8025", "off", "", "unix:/run/x?mode=0600&content=all", "fd:x", "[::1]:1?token_file=/x&folder=/y", "a?b=c&&d",
	} {
		f.Add(value)
	}
	f.Fuzz(func(t *testing.T, value string) {
		var s inspecting.Settings
		if s.Set(value) != nil {
			return
		}
		if value == "" || value == inspecting.Off {
			assert.False(t, s.On())
			return
		}
		assert.True(t, s.On())
		require.NoError(t, inspecting.CheckAddress(s.Address))
		var again inspecting.Settings
		require.NoError(t, again.Set(s.Address))
		assert.Equal(t, s.Address, again.Address)
	})
}
