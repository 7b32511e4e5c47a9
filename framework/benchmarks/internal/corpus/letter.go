package corpus

import (
	"bytes"
	"crypto/rsa"
	"fmt"
	"strings"

	"github.com/emersion/go-msgauth/dkim"

	"github.com/sluicemail/sluice/framework/benchmarks/internal/workload"
)

// signedFields are the names of the fields that the signatures cover.
func signedFields() []string {
	return []string{
		"From", "Reply-To", "Subject", "Date", "Message-ID", "To", "Cc", "MIME-Version", "Content-Type",
		"Content-Transfer-Encoding", "In-Reply-To", "References", "List-Id", "List-Unsubscribe",
	}
}

// newLetter returns a signed letter from a domain. Without the signature it has the given
// number of bytes.
func newLetter(domain, bytes, number int, key *rsa.PrivateKey) (Letter, error) {
	name := DomainName(domain)
	letter := Letter{Client: clientAddr(domain), Host: hostName(domain), Sender: "ann@" + name}
	data, err := sign(compose(name, bytes, number), name, key)
	letter.Data = data
	return letter, err
}

// compose returns the text of a letter: the usual header fields, and prose.
func compose(domain string, size, number int) []byte {
	const fits = 2048 // a header has less
	var out bytes.Buffer
	letter := workload.NewLetter(size)
	for _, f := range letter.Header {
		value := f.Value
		switch f.Name {
		case "From":
			value = "Ann Example <ann@" + domain + ">"
		case "Reply-To":
			value = "ann@" + domain
		case "Message-ID":
			value = fmt.Sprintf("<%d.12345@%s>", number, domain)
		}
		fmt.Fprintf(&out, "%s: %s\r\n", f.Name, strings.ReplaceAll(value, "\n", "\r\n"))
	}
	out.WriteString("\r\n")
	body := letter.Body[:max(size-out.Len(), size-fits)]
	copy(body[len(body)-4:], "..\r\n")
	out.Write(body)
	return out.Bytes()
}

// sign returns a message with a DKIM-Signature field at its top. The signature is made by
// another library than those that are measured.
func sign(message []byte, domain string, key *rsa.PrivateKey) ([]byte, error) {
	var out bytes.Buffer
	err := dkim.Sign(&out, bytes.NewReader(message), &dkim.SignOptions{
		Domain: domain, Selector: selector, Signer: key, HeaderKeys: signedFields(),
		HeaderCanonicalization: dkim.CanonicalizationRelaxed, BodyCanonicalization: dkim.CanonicalizationRelaxed,
	})
	return out.Bytes(), err
}
