package framework_test

import (
	"net/netip"
	"regexp"
	"testing"
	"time"

	"github.com/sluicemail/sluice/framework"
	"github.com/sluicemail/sluice/framework/miltertest"
)

// The filters of the examples behave the same on all simulated MTAs.
func TestExamplesConform(t *testing.T) {
	t.Parallel()
	t.Run("greylist", func(t *testing.T) {
		t.Parallel()
		now := time.Now()
		fresh := func() framework.Filter {
			return Greylist{&GreylistStore{Delay: time.Minute, Keep: time.Hour, Max: 100, Now: func() time.Time { return now }}}
		}
		miltertest.TestFilter(t, fresh(), miltertest.Fresh(fresh))
	})
	t.Run("subjecttag", func(t *testing.T) {
		t.Parallel()
		miltertest.TestFilter(t, SubjectTag{Inside: []netip.Prefix{netip.MustParsePrefix("10.0.0.0/8")}}, miltertest.Messages(
			miltertest.Message("Subject: one\nX: y\nSubject:\n two\n\nbody\n"),
			miltertest.Message("Subject: one\n\nbody\n", miltertest.Client("10.1.2.3")),
		))
	})
	t.Run("attachment", func(t *testing.T) {
		t.Parallel()
		miltertest.TestFilter(t, AttachmentNames{Forbidden: regexp.MustCompile(`(?i)\.exe$`)}, miltertest.Messages(
			miltertest.Message("Content-Type: multipart/mixed;\n boundary=a\n\n--a\n\nhello\n--a\n"+
				"Content-Type: application/octet-stream\nContent-Disposition: attachment; filename=a.exe\n\nTVo=\n--a--\n"),
		))
	})
}
