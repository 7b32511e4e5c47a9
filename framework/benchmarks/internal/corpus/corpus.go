package corpus

import (
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/base64"
	"errors"
	"fmt"
	"net/netip"
	"strings"
	"sync"
)

// The number of hosts that send the mail. Each sends for several domains.
const hosts = 10

// keyBits is the size of the keys, which is the most common one.
const keyBits = 2048

// selector is the selector of all keys.
const selector = "s1"

// Corpus is mail with the zone of its domains.
type Corpus struct {
	// Zone is the text of a master file (RFC 1035 section 5).
	Zone    string
	Letters []Letter
}

// Letter is one message. SPF, DKIM and DMARC pass for it.
type Letter struct {
	// Client is the address that the message comes from, and Host the name that the
	// client gives in EHLO. The host has an SPF record.
	Client netip.Addr
	Host   string
	// Sender is the sender of the envelope. Its domain is that of the From field and of
	// the signature.
	Sender string
	// Data is the message with CRLF line ends.
	Data []byte
}

// New makes n letters from a number of domains in turn, so that the first letters are one of
// each domain. In 100 letters are two of 1 MiB, 30 of 30 KiB, and 68 of 4 KiB, without the
// signature.
func New(n, domains int) (*Corpus, error) {
	keys, err := newKeys(domains)
	if err != nil {
		return nil, err
	}
	c := &Corpus{Letters: make([]Letter, n)}
	c.Zone, err = zone(keys)
	for i := range c.Letters {
		d := i % domains
		letter, failed := newLetter(d, size(i, domains), i, keys[d])
		c.Letters[i], err = letter, errors.Join(err, failed)
	}
	return c, err
}

// newKeys generates a key for each domain, on all processors.
func newKeys(n int) ([]*rsa.PrivateKey, error) {
	keys, failures := make([]*rsa.PrivateKey, n), make([]error, n)
	var group sync.WaitGroup
	for i := range keys {
		group.Go(func() { keys[i], failures[i] = rsa.GenerateKey(rand.Reader, keyBits) })
	}
	group.Wait()
	return keys, errors.Join(failures...)
}

// size returns the size of a letter in bytes. The domain of the large letters changes, so
// that the sizes do not depend on the domain.
func size(i, domains int) int {
	switch turn := (i + i/domains) % 100; {
	case turn%50 == 17:
		return 1 << 20
	case turn%10 == 1, turn%10 == 4, turn%10 == 8:
		return 30 << 10
	}
	return 4 << 10
}

// DomainName returns the name of a domain of a corpus.
func DomainName(i int) string { return fmt.Sprintf("firm%d.example", i) }

func hostName(i int) string { return fmt.Sprintf("out.host%d.example", i%hosts) }

func clientAddr(i int) netip.Addr { return netip.AddrFrom4([4]byte{192, 0, 2, byte(10 + i%hosts)}) }

// zone returns the records of all domains and hosts.
func zone(keys []*rsa.PrivateKey) (string, error) {
	var b strings.Builder
	for i, key := range keys {
		name := DomainName(i)
		public, err := x509.MarshalPKIXPublicKey(&key.PublicKey)
		if err != nil {
			return "", err
		}
		fmt.Fprintf(&b, "%s. TXT \"v=spf1 ip4:%v -all\"\n", name, clientAddr(i))
		fmt.Fprintf(&b, "%s._domainkey.%s. TXT %s\n", selector, name, quoted("v=DKIM1; k=rsa; p="+base64.StdEncoding.EncodeToString(public)))
		fmt.Fprintf(&b, "_dmarc.%s. TXT \"v=DMARC1; p=reject; rua=mailto:dmarc@%s\"\n", name, name)
	}
	for i := range min(hosts, len(keys)) {
		fmt.Fprintf(&b, "%s. A %v\n", hostName(i), clientAddr(i))
		fmt.Fprintf(&b, "%s. TXT \"v=spf1 ip4:%v -all\"\n", hostName(i), clientAddr(i))
	}
	return b.String(), nil
}

// quoted returns a text as the strings of a TXT record. A string holds 255 bytes at most.
func quoted(text string) string {
	const longest = 255
	var parts []string
	for len(text) > longest {
		parts = append(parts, `"`+text[:longest]+`"`)
		text = text[longest:]
	}
	return strings.Join(append(parts, `"`+text+`"`), " ")
}
