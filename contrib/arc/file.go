package arc

import (
	"bufio"
	"context"
	"fmt"
	"io"

	"github.com/sluicemail/sluice/contrib/internal/signed"
)

// Verify verifies the chain of a message. It reads the message to its end. The lines of the
// message may end in CRLF or LF. Of the configuration it uses Resolver, Timeout, MinBits,
// MaxBits and Now. The error is for a configuration, a header or a reader that is wrong: a chain
// that is not valid is a [Result].
func Verify(ctx context.Context, cfg VerifierConfig, r io.Reader) (Result, error) {
	v, err := newRules(&cfg)
	if err != nil {
		return Result{}, fmt.Errorf("%w: %w", errConfig, err)
	}
	br := bufio.NewReader(r)
	fields, err := signed.ReadHeader(br)
	if err != nil {
		return Result{}, fmt.Errorf("arc: %w", err)
	}
	var sums signed.Bodies
	m := v.begin(fields, &sums)
	if err := sums.ReadBody(br); err != nil {
		return Result{}, fmt.Errorf("arc: %w", err)
	}
	return m.finish(ctx, v.lookUp(ctx, m.names())), nil
}
