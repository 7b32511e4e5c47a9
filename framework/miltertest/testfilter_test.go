package miltertest_test

import (
	"testing"

	"github.com/sluicemail/sluice/framework"
	"github.com/sluicemail/sluice/framework/miltertest"
)

func TestTestFilter(t *testing.T) {
	t.Parallel()
	for name, filter := range map[string]framework.Filter{
		"editor": editor(), "no-spam": noSpam(), "renamer": renamer(),
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			miltertest.TestFilter(t, filter, miltertest.Messages(
				miltertest.Message("\nBuy!\n", miltertest.From("spammer@example.com")),
				miltertest.Message("A: 1\nX-Old: 2\nB: 3\n\n"),
			))
		})
	}
}
