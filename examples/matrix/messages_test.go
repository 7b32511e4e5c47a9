package matrix_test

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/sluicemail/sluice/framework/miltertest"
	"github.com/sluicemail/sluice/wire/mta"
)

// mail is a message of the matrix.
type mail struct {
	name string
	msg  *mta.Message
}

const ordinary = "Received: from a.example by b.example; Sun, 22 Nov 2026 07:00:00 +0000\n" +
	"From: Ann <ann@example.org>\nTo: Bob <bob@example.net>\nTo: Cy <cy@example.net>\nSubject: hello\n" +
	"Date: Sun, 22 Nov 2026 07:00:00 +0000\nMessage-ID: <1@example.org>\nReferences: <a@example.org>\n <b@example.org>\n" +
	"Comments: none\n\nHow are you?\n\nAnn\n"

const forged = "Authentication-Results: mx.example.net; dkim=pass header.d=bank.example\n" +
	"Authentication-Results: (x) \"MX.example.net\";\n spf=pass\nAuthentication-Results: other.example; none\n" +
	"X-Client: 10.0.0.1\nX-Client-IP: 10.0.0.1\nX-Filtered-By: nobody\nX-Spam-Status: No\nX-Spam-Score: -100\nX-Order: none\n" +
	"DKIM-Signature: v=1; a=rsa-sha256; d=example.org; s=none; h=from; bh=x; b=x\nX-Mailer: m\n" +
	"X-Priority: 1\nFrom: ann@example.org\nSubject: forged\n\nx\n"

const program = "From: ann@example.org\nSubject: Your invoice\nMIME-Version: 1.0\n" +
	"Content-Type: multipart/mixed; boundary=\"cut here\"\n\n--cut here\n\nDear Bob\n" +
	"--cut here\nContent-Type: application/octet-stream\nContent-Disposition: attachment; filename=\"invoice.pdf.exe\"\n" +
	"Content-Transfer-Encoding: base64\n\nVGhpcyBpcyBubyBwcm9ncmFtLgo=\n--cut here--\n"

const hostileParts = "From: ann@example.org\nSubject: =?utf-8?q?=F0=9F?= =?x?\nContent-Type: multipart/mixed; boundary=a; boundary=b\n" +
	"Content-Type: text/plain\n\n--a\n--b\nContent-Type: multipart/digest; boundary=a\n\n--a\n\n--b--\n--a--\n\x80\xff\n"

// mails returns the messages of the matrix: ordinary and hostile ones.
func mails(t *testing.T) []mail {
	t.Helper()
	of := miltertest.Message
	id := miltertest.QueueID("4Zmatrix1")
	ann, bob := miltertest.From("ann@example.org"), miltertest.To("bob@example.net")
	list := []mail{
		{"ordinary", of(ordinary, id, miltertest.From("ann@example.org", "SIZE=300"), miltertest.To("bob@example.net", "cy@example.net"))},
		{"submitted", of(ordinary, id, ann, bob, miltertest.Auth("ann@example.org"))},
		{"forged", of(forged, id, ann, bob, miltertest.Auth("ann@example.org"))},
		{"program", of(program, id, ann, miltertest.To("bob@example.net", "nobody@example.test"), miltertest.Auth("ann@example.org"))},
		{"hostile parts", of(hostileParts, id, miltertest.From("eve@denied.example"), bob, miltertest.Auth("eve"))},
		{"many fields", of(manyFields()+"\nbody\n", id, ann, miltertest.To("a@example.net", "b@example.net", "c@example.net"), miltertest.Auth("ann"))},
		{"nothing", of("\n", id, miltertest.From(""), bob, miltertest.Auth("ann"))},
		{"two From", of(corpus(t, "hostile/twenty-from.eml"), id, ann, bob, miltertest.Auth("ann"))},
		{"list", of(corpus(t, "lists/mailman.eml"), id, miltertest.From("list-bounces@example.com"), bob, miltertest.Auth("ann"))},
		{"bounce", of(corpus(t, "bounces/postfix.eml"), id, miltertest.From(""), bob, miltertest.Auth("ann"))},
	}
	for i := range list { // filters that count clients treat each message alike
		list[i].msg.Client.Addr = fmt.Sprintf("192.0.%d.1", i)
	}
	return list
}

// manyFields returns a header with many fields.
func manyFields() string {
	var b strings.Builder
	for i := range 25 {
		fmt.Fprintf(&b, "X-Spam-%d: the value\n\tgoes on\nReceived: from a%d\n", i, i)
	}
	return "From: ann@example.org\nSubject: many\n" + b.String()
}

// corpus returns a message of the corpus of headerd.
func corpus(t *testing.T, name string) string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join("../headerd/testdata/corpus", name))
	require.NoError(t, err)
	return strings.ReplaceAll(string(text), "\r\n", "\n")
}
