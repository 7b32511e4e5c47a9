package replay

import (
	"context"
	"errors"
	"iter"

	"github.com/sluicemail/sluice/framework/inspect/record"
)

// Run replays records and calls each with every result, in the order of the records. each may
// be nil. At most Config.Connections records are played at the same time and in memory, besides what the iterator keeps.
//
// A record that cannot be read is one that cannot be replayed. Run stops at the first other
// error: of the iterator, of each, of the context, or a *[DialError].
// The summary then has the results so far.
func Run(ctx context.Context, cfg Config, records iter.Seq2[*record.Message, error], each func(*Result) error) (*Summary, error) {
	if cfg.Dial == nil {
		return nil, errors.New("replay: Config.Dial is required")
	}
	if cfg.Check != nil && cfg.Connections > 1 {
		return nil, errors.New("replay: Config.Check needs one connection")
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	q := &queue{cfg: cfg, results: make(chan chan outcome, max(cfg.Connections-2, 0))}
	go q.feed(ctx, records)
	summary := newSummary()
	var err error
	for result := range q.results { // to the end, so that no goroutine remains
		o := <-result
		if err != nil {
			continue
		}
		if err = o.err; err == nil {
			summary.add(o.result)
			if each != nil {
				err = each(o.result)
			}
		}
		if err != nil {
			cancel()
		}
	}
	if err == nil {
		err = ctx.Err()
	}
	return summary, err
}

// queue plays records at the same time, and hands on the results in their order.
type queue struct {
	cfg     Config
	results chan chan outcome
}

type outcome struct {
	result *Result
	err    error
}

// feed starts the records. The capacity of the channel bounds how many of them are played.
func (q *queue) feed(ctx context.Context, records iter.Seq2[*record.Message, error]) {
	defer close(q.results)
	for m, err := range records {
		if ctx.Err() != nil {
			return
		}
		result := make(chan outcome, 1)
		if errors.Is(err, record.ErrTorn) || errors.Is(err, record.ErrMalformed) {
			result <- outcome{result: &Result{NotReplayable: "the record cannot be read: " + err.Error()}}
			q.results <- result
			continue
		}
		if err != nil {
			result <- outcome{err: err}
			q.results <- result
			return
		}
		play := func() {
			r, err := Play(ctx, q.cfg, m)
			result <- outcome{r, err}
		}
		if q.cfg.Connections <= 1 {
			play()
		} else {
			go play()
		}
		q.results <- result
	}
}
