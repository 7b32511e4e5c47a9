package wire_test

import (
	"errors"
	"fmt"
	"io"
	"log"
	"net"
	"os"
	"strings"

	"github.com/sluicemail/sluice/wire"
)

// Read commands from a connection: process every complete frame, then read
// again.
func ExampleDecoder() {
	conn := strings.NewReader("\x00\x00\x00\x08Hclient\x00" + "\x00\x00\x00\x0DLSubject\x00 hi\x00" + "\x00\x00\x00\x01Q")

	var pool wire.BufferPool // one for all connections
	dec := wire.NewDecoder(&pool, wire.DefaultLimit)
	defer dec.Release()
	for {
		_, readErr := dec.Fill(conn)
		for {
			f, ok, err := dec.Next()
			if err != nil {
				log.Fatal(err) // not a milter peer
			}
			if !ok {
				break
			}
			cmd, err := wire.ParseCommand(f)
			if err != nil {
				log.Fatal(err)
			}
			switch cmd := cmd.(type) {
			case *wire.Helo:
				fmt.Printf("hello, %s\n", cmd.Name)
			default:
				fmt.Println(cmd)
			}
		}
		if errors.Is(readErr, io.EOF) {
			return
		}
	}
	// Output:
	// hello, client
	// SMFIC_HEADER "Subject" " hi"
	// SMFIC_QUIT
}

// Append replies to one buffer and send them in one write.
func ExampleReply() {
	var buf []byte
	for _, r := range []wire.Reply{
		&wire.AddHeader{Name: "X-Seen", Value: "yes"},
		&wire.BareReply{Code: wire.RepAccept},
	} {
		var err error
		if buf, err = r.Encode(buf); err != nil {
			log.Fatal(err)
		}
	}
	fmt.Printf("%q\n", buf)
	// Output:
	// "\x00\x00\x00\fhX-Seen\x00yes\x00\x00\x00\x00\x01a"
}

func ExampleNewSMTPReply() {
	reply, err := wire.NewSMTPReply(550, "5.7.1", "You are not welcome:", "99% of your mail is spam")
	if err != nil {
		log.Fatal(err)
	}
	fmt.Printf("%q\n", reply.Text)
	fmt.Println(strings.Join(reply.Lines(), "\n"))

	_, err = wire.NewSMTPReply(250, "2.0.0", "fine")
	fmt.Println(err)
	// Output:
	// "550-5.7.1 You are not welcome:\r\n550 5.7.1 99%% of your mail is spam"
	// 550-5.7.1 You are not welcome:
	// 550 5.7.1 99% of your mail is spam
	// wire: cannot encode SMFIR_REPLYCODE: code 250 is neither 4yz nor 5yz
}

func ExampleLookupMacro() {
	list := wire.AppendMacro(nil, "i", "4ABC")
	list = wire.AppendMacro(list, "{auth_type}", "PLAIN")
	value, ok := wire.LookupMacro(list, "auth_type")
	fmt.Printf("%s %v\n", value, ok)
	// Output: PLAIN true
}

// Print the messages between an MTA and a filter.
func ExampleTracer() {
	mta, filter := net.Pipe()
	traced := wire.NewTracer(os.Stdout).Conn(filter, wire.FilterSide)

	go func() {
		defer func() { _ = mta.Close() }()
		hello, _ := (&wire.Helo{Name: []byte("client.example")}).Encode(nil)
		_, _ = mta.Write(hello)
		_, _ = io.ReadFull(mta, make([]byte, wire.HeaderLen))
	}()
	_, _ = io.ReadAtLeast(traced, make([]byte, 100), 20)
	reply, _ := (&wire.BareReply{Code: wire.RepContinue}).Encode(nil)
	_, _ = traced.Write(reply)
	// Output:
	// MTA SMFIC_HELO "client.example"
	// FLT SMFIR_CONTINUE
}
