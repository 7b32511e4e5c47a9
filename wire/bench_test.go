package wire_test

import (
	"testing"

	"github.com/sluicemail/sluice/wire"
)

func BenchmarkDecoderNext(b *testing.B) {
	cases := []struct {
		name   string
		frames []wire.Frame
	}{
		{"commands", session[:4]},
		{"body64K", []wire.Frame{{Code: 'B', Data: make([]byte, wire.MaxBodyChunk)}}},
	}
	for _, bc := range cases {
		b.Run(bc.name, func(b *testing.B) {
			all := stream(bc.frames...)
			r := &chunkReader{size: len(all)}
			d := newDecoder(wire.DefaultLimit)
			b.ReportAllocs()
			b.SetBytes(int64(len(all)))
			for b.Loop() {
				r.data = all
				for left := len(bc.frames); left > 0; {
					if _, err := d.Fill(r); err != nil {
						b.Fatal(err)
					}
					for d.Pending() {
						if _, _, err := d.Next(); err != nil {
							b.Fatal(err)
						}
						left--
					}
				}
			}
		})
	}
}

func BenchmarkHeaderDecode(b *testing.B) {
	data := text("Received\x00 from a.example (a.example [192.0.2.1])\n\tby b.example; Thu, 1 Jan 1970 00:00:00 +0000\x00")
	var m wire.Header
	b.ReportAllocs()
	for b.Loop() {
		if err := m.Decode(data); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkLookupMacro(b *testing.B) {
	var list []byte
	for _, name := range []string{"j", "{daemon_name}", "v", "{mail_mailer}", "{mail_host}", "{mail_addr}", "i"} {
		list = wire.AppendMacro(list, name, "some value of it")
	}
	b.ReportAllocs()
	for b.Loop() {
		if _, ok := wire.LookupMacro(list, "i"); !ok {
			b.Fatal("not found")
		}
	}
}

func BenchmarkAddHeaderEncode(b *testing.B) {
	m := wire.AddHeader{Name: "X-Spam-Status", Value: "No, score=-1.9 required=5.0"}
	buf := make([]byte, 0, 256)
	b.ReportAllocs()
	for b.Loop() {
		if _, err := m.Encode(buf); err != nil {
			b.Fatal(err)
		}
	}
}
