package inspect_test

import (
	"errors"
	"math"
	"net/netip"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/sluicemail/sluice/framework"
	"github.com/sluicemail/sluice/framework/inspect"
	"github.com/sluicemail/sluice/framework/inspect/record"
)

// Every invalid value is refused, by its name.
func TestConfigCheck(t *testing.T) {
	t.Parallel()
	tests := map[string]struct {
		config inspect.Config
		want   []string
	}{
		"too little memory":   {inspect.Config{Memory: 1000}, []string{"Memory is not between"}},
		"too much memory":     {inspect.Config{Memory: 1 << 40}, []string{"Memory is not between"}},
		"negative memory":     {inspect.Config{Memory: -1}, []string{"Memory is not between"}},
		"small folder":        {inspect.Config{FolderSize: 1000}, []string{"FolderSize is less"}},
		"small message":       {inspect.Config{MaxMessage: 1000}, []string{"MaxMessage is not between"}},
		"large message":       {inspect.Config{Memory: 4 << 20, MaxMessage: 3 << 20}, []string{"MaxMessage is not between"}},
		"larger than folder":  {inspect.Config{Folder: "x", FolderSize: 1 << 20, MaxMessage: 1 << 20}, []string{"MaxMessage is not between"}},
		"unknown content":     {inspect.Config{Content: "some"}, []string{`Content is "some"`}},
		"shortened bodies":    {inspect.Config{Content: record.ContentAll, Shorten: true}, []string{"Shorten cannot"}},
		"too large a share":   {inspect.Config{Share: 1.5}, []string{"Share is not"}},
		"no number":           {inspect.Config{Share: math.NaN()}, []string{"Share is not"}},
		"negative time":       {inspect.Config{Slow: -time.Second}, []string{"Slow is negative"}},
		"proxy from anywhere": {inspect.Config{ProxyUserHeader: "X-User"}, []string{"ProxyUserHeader is believed"}},
		"networks alone": {
			inspect.Config{ProxyNetworks: []netip.Prefix{netip.MustParsePrefix("10.0.0.0/8")}}, []string{"ProxyNetworks has no effect"},
		},
		"invalid network": {
			inspect.Config{ProxyUserHeader: "X-User", ProxyNetworks: make([]netip.Prefix, 1)}, []string{"ProxyNetworks has an invalid"},
		},
		"several": {inspect.Config{Share: 2, Slow: -1}, []string{"Share", "Slow"}},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			_, err := inspect.New(tt.config)
			require.Error(t, err)
			for _, want := range tt.want {
				assert.ErrorContains(t, err, "inspect: Config."+want)
			}
		})
	}
}

// The default of MaxMessage fits into a small ring or folder, and is not blamed for another field.
func TestConfigMaxMessage(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]inspect.Config{
		"least memory": {Memory: 1 << 20},
		"least folder": {Folder: "x", FolderSize: 1 << 20},
		"least record": {MaxMessage: 64 << 10},
		"half of all":  {Memory: 2 << 20, Folder: "x", FolderSize: 2 << 20, MaxMessage: 1 << 20},
		"most":         {Memory: 1 << 30, MaxMessage: 128 << 20},
	} {
		require.NoError(t, c.Check(), name)
		c.Folder = ""
		in, err := inspect.New(c)
		require.NoError(t, err, name)
		_, err = framework.NewServer(framework.NewRouter(), framework.Config{Recorder: in})
		require.NoError(t, err, name)
		require.NoError(t, in.Close())
	}
	err := inspect.Config{Memory: 1000}.Check()
	require.Error(t, err)
	assert.NotContains(t, err.Error(), "MaxMessage")
	wrong, ok := errors.AsType[*inspect.FieldError](err)
	require.True(t, ok)
	assert.Equal(t, "Memory", wrong.Field)
}

// A folder that cannot be used is an error at the start.
func TestConfigFolder(t *testing.T) {
	t.Parallel()
	file := filepath.Join(t.TempDir(), "file")
	require.NoError(t, os.WriteFile(file, nil, 0o600))
	_, err := inspect.New(inspect.Config{Folder: file})
	require.ErrorContains(t, err, "inspect: Config.Folder: ")
	assert.ErrorContains(t, err, file)
}
