package inspectfile_test

import (
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.yaml.in/yaml/v4"

	"github.com/sluicemail/sluice/examples/internal/inspectfile"
	"github.com/sluicemail/sluice/examples/internal/inspecting"
	"github.com/sluicemail/sluice/framework/inspect"
	"github.com/sluicemail/sluice/framework/inspect/record"
)

// settings reads a section.
func settings(t *testing.T, text, folder string) (inspecting.Settings, error) {
	t.Helper()
	var file struct {
		Inspect yaml.Node `yaml:"inspect"`
	}
	require.NoError(t, yaml.Load([]byte("inspect:\n  "+strings.ReplaceAll(text, "\n", "\n  ")+"\n"), &file))
	return inspectfile.Settings("x.yaml", &file.Inspect, folder)
}

func TestSettings(t *testing.T) {
	t.Parallel()
	got, err := settings(t, `address: 0.0.0.0:8025
token_file: token
content: none
shorten_addresses: true
complete: false
share: 0.25
slow: 2s
memory: 16MiB
max_message: 64KiB
folder: /var/lib/x
folder_size: 1GiB
proxy_user_header: X-User
proxy_networks: [127.0.0.1, 192.0.2.0/24]`, "/etc/x")
	require.NoError(t, err)
	assert.Equal(t, inspecting.Settings{
		Address: "0.0.0.0:8025", Place: "x.yaml:2:12", TokenFile: "/etc/x/token", Incomplete: true,
		Config: inspect.Config{
			Memory: 16 << 20, Folder: "/var/lib/x", FolderSize: 1 << 30, MaxMessage: 64 << 10,
			Content: record.ContentNone, Shorten: true, Share: 0.25, Slow: 2 * time.Second,
			ProxyUserHeader: "X-User",
			ProxyNetworks:   []netip.Prefix{netip.MustParsePrefix("127.0.0.1/32"), netip.MustParsePrefix("192.0.2.0/24")},
		},
	}, got)

	got, err = settings(t, "address: 127.0.0.1:1\ntoken_file: token\nshare: 0", "")
	require.NoError(t, err)
	assert.Equal(t, inspecting.Settings{Address: "127.0.0.1:1", Place: "x.yaml:2:12", TokenFile: "token", Config: inspect.Config{Share: -1}}, got,
		"a share of 0 is not the default")

	got, err = settings(t, "content: none\ncomplete: true", "")
	require.NoError(t, err)
	assert.False(t, got.On(), "the flag may turn it on")
	assert.False(t, got.Incomplete)

	got, err = inspectfile.Settings("x.yaml", nil, "/")
	require.NoError(t, err)
	assert.Equal(t, inspecting.Settings{}, got)
}

func TestMistakes(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct{ text, says string }{
		"unknown":          {"listen: 127.0.0.1:1", `x.yaml:2:3: unknown setting "listen"`},
		"twice":            {"share: 1\nshare: 1", "x.yaml:3:3: "},
		"no address":       {"address: 127.0.0.1", "x.yaml:2:12: want an address and a port such as 127.0.0.1:8025"},
		"exposed":          {"content: all\naddress: 0.0.0.0:1", "x.yaml:3:12: it is not a loopback address"},
		"content":          {"content: some", "x.yaml:2:12: want none, header or all"},
		"share":            {"share: 1.5", "x.yaml:2:10: want a share such as 0.1"},
		"share below":      {"share: -1", "x.yaml:2:10: want a share such as 0.1"},
		"share NaN":        {"share: .nan", "x.yaml:2:10: want a share such as 0.1"},
		"share in words":   {"share: NaN", "x.yaml:2:10: want a share such as 0.1"},
		"slow":             {"slow: 5", "x.yaml:2:9: want a duration such as 10s"},
		"memory":           {"memory: much", "x.yaml:2:11: want a size such as 65536"},
		"size alone":       {"folder_size: 1MiB", "x.yaml:2:16: folder_size needs folder"},
		"header alone":     {"address: 127.0.0.1:1\nproxy_user_header: X", "x.yaml:3:22: proxy_user_header needs proxy_networks"},
		"networks alone":   {"proxy_networks: [127.0.0.1]", "x.yaml:2:3: proxy_networks needs proxy_user_header"},
		"no network":       {"proxy_networks: [localhost]", "x.yaml:2:20: want an address or a network"},
		"no section":       {"all", "x.yaml:2:3: want settings"},
		"bodies":           {"shorten_addresses: true\ncontent: all", "x.yaml:2:22: shorten_addresses cannot hide the addresses in bodies"},
		"small memory":     {"memory: 1KiB", "x.yaml:2:11: memory is not between"},
		"large message":    {"max_message: 1GiB", "x.yaml:2:16: max_message is not between"},
		"large for folder": {"folder: x\nfolder_size: 1MiB\nmax_message: 1MiB", "x.yaml:4:16: max_message is not between 65536 and 524288"},
		"complete":         {"complete: perhaps", "x.yaml:2:13: want true or false"},
		"several mistakes": {"slow: x\ncontent: y", "x.yaml:3:12: want none, header or all"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			_, err := settings(t, c.text, "")
			assert.ErrorContains(t, err, c.says)
		})
	}
}

// FuzzSettings reads any section. What it accepts is what inspect.New may get.
func FuzzSettings(f *testing.F) {
	for _, text := range []string{
		"address: 127.0.0.1:1", "share: 0.5\nslow: 1s", "proxy_user_header: X\nproxy_networks: [::1]", "folder: x\nfolder_size: 1",
		"[]", "{a: b}", "content: all", "*x", "memory: 9223372036854775807",
	} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		var n yaml.Node
		if yaml.Load([]byte(text), &n) != nil || len(n.Content) != 1 {
			return
		}
		s, err := inspectfile.Settings("x.yaml", n.Content[0], "/etc")
		if err != nil {
			return
		}
		assert.NoError(t, s.Config.Check())
		assert.True(t, s.Config.Share >= -1 && s.Config.Share <= 1)
		assert.GreaterOrEqual(t, s.Config.Memory, int64(0))
		assert.NoError(t, s.Validate())
	})
}
