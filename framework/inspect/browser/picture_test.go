package browser_test

import (
	"bytes"
	"cmp"
	"flag"
	"image"
	"image/color"
	"image/draw"
	"image/png"
	"maps"
	"os"
	"slices"
	"testing"
	"time"

	"github.com/sluicemail/sluice/framework/inspect/internal/page/pagetest"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

var update = flag.Bool("update", false, "write the pictures of the documentation")

// The pictures of the documentation.
const (
	lightPicture = "../../../docs/images/inspect-light.png"
	darkPicture  = "../../../docs/images/inspect-dark.png"
	maxPicture   = 150 << 10 // bytes
)

// With -update it draws the pictures of the documentation: the list, and a message in the dark.
// Otherwise it checks that they are there.
func TestPictures(t *testing.T) {
	t.Parallel()
	if *update {
		tb := open(t, pagetest.New(pagetest.Mailbox(22, time.Now())...), "/")
		tb.size(1200, 800)
		tb.colors("light")
		tb.wait(rows + ` === 22 && document.querySelector("#recording").textContent !== ""`)
		require.NoError(t, os.WriteFile(lightPicture, fewColors(t, tb.picture(800)), 0o644))
		tb.visit("/message/" + pagetest.ID(21))
		tb.colors("dark")
		tb.wait(`document.querySelector(".message .answer") !== null && document.querySelector("#recording").textContent !== ""`)
		require.NoError(t, os.WriteFile(darkPicture, fewColors(t, tb.picture(1560)), 0o644))
	}
	for _, name := range []string{lightPicture, darkPicture} {
		data, err := os.ReadFile(name)
		require.NoError(t, err, "run: make inspect-pictures")
		_, err = png.Decode(bytes.NewReader(data))
		require.NoError(t, err)
		assert.Less(t, len(data), maxPicture, name)
	}
}

// fewColors encodes a picture with the 64 colours that it has most of: pictures of text need no
// more, and become a third of their size.
func fewColors(t *testing.T, data []byte) []byte {
	t.Helper()
	src, err := png.Decode(bytes.NewReader(data))
	require.NoError(t, err)
	count := make(map[color.Color]int)
	for y := range src.Bounds().Dy() {
		for x := range src.Bounds().Dx() {
			count[src.At(x, y)]++
		}
	}
	colors := slices.SortedFunc(maps.Keys(count), func(a, b color.Color) int { return cmp.Compare(count[b], count[a]) })
	dst := image.NewPaletted(src.Bounds(), color.Palette(colors[:min(64, len(colors))]))
	draw.Draw(dst, dst.Bounds(), src, image.Point{}, draw.Src)
	var out bytes.Buffer
	encoder := png.Encoder{CompressionLevel: png.BestCompression}
	require.NoError(t, encoder.Encode(&out, dst))
	return out.Bytes()
}
