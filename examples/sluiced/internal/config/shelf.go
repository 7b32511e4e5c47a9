package config

import (
	"errors"
	"strconv"

	"go.yaml.in/yaml/v4"

	"github.com/sluicemail/sluice/examples/internal/yamlconf"
	"github.com/sluicemail/sluice/framework"
	"github.com/sluicemail/sluice/middleware"
)

// shelfItem is an item of the list: exactly one of the middlewares, by its name.
type shelfItem struct {
	yamlconf.Position
	shelfItemFile
}

type shelfItemFile struct {
	Macros           *macrosFile    `yaml:"macros"`
	Logger           *loggerFile    `yaml:"logger"`
	Recover          *empty         `yaml:"recover"`
	Timeout          *timeoutFile   `yaml:"timeout"`
	When             *condition     `yaml:"when"`
	Sample           *share         `yaml:"sample"`
	RateLimit        *rateLimitFile `yaml:"rate_limit"`
	Throttle         *throttleFile  `yaml:"throttle"`
	MaxMessages      *throttleFile  `yaml:"max_messages"`
	NormalizeHeaders *normalizeFile `yaml:"normalize_headers"`
	DryRun           *empty         `yaml:"dry_run"`
}

// empty is a middleware without settings.
type empty struct{}

// UnmarshalYAML implements [yaml.Unmarshaler].
func (i *shelfItem) UnmarshalYAML(n *yaml.Node) error {
	i.Position = yamlconf.At(n)
	if n.Kind == yaml.ScalarNode { // "recover" is short for {recover: {}}
		n = &yaml.Node{Kind: yaml.MappingNode, Line: n.Line, Column: n.Column, Content: []*yaml.Node{
			n, {Kind: yaml.MappingNode, Tag: "!!map", Line: n.Line, Column: n.Column},
		}, Tag: "!!map"}
	}
	if n.Kind != yaml.MappingNode || len(n.Content) != 2 {
		return errOneMiddleware
	}
	return yamlconf.Decode(filled(n, n.Content[0].Value), &i.shelfItemFile)
}

var errOneMiddleware = errors.New("want one middleware in each item of the list, such as recover: {}")

// missing returns an error that joins what the middleware cannot be without, in the words of the
// file.
func (i *shelfItem) missing() error {
	var errs []error
	need := func(there bool, what string) {
		if !there {
			errs = append(errs, errors.New(what))
		}
	}
	if l := i.RateLimit; l != nil {
		need(l.Rate.Rate != middleware.Rate{}, "rate_limit needs a rate, such as rate: 100/1h")
		need(l.By.set, "rate_limit needs to know what it counts, such as by: client")
	}
	if i.Throttle != nil {
		need(i.Throttle.Max.N > 0, "throttle needs max")
	}
	if i.MaxMessages != nil {
		need(i.MaxMessages.Max.N > 0, "max_messages needs max")
	}
	if t := i.Timeout; t != nil {
		need(t.Event.Duration > 0 || t.Message.Duration > 0 || len(t.Stages) > 0, "timeout needs event, message or stages")
	}
	if m := i.Macros; m != nil {
		need(len(m.Names)+len(m.At) > 0, "macros needs names or at")
	}
	return errors.Join(errs...)
}

// on returns the middleware for the filters of a router.
func (i *shelfItem) on(r *framework.Router) framework.Middleware {
	switch {
	case i.Macros != nil:
		return middleware.Macros(i.Macros.config())
	case i.Logger != nil:
		return middleware.Logger(i.Logger.config())
	case i.Recover != nil:
		return middleware.Recover()
	case i.Timeout != nil:
		return middleware.Timeout(i.Timeout.config())
	case i.When != nil:
		return middleware.When(i.When.on(r))
	case i.Sample != nil:
		return middleware.Sample(i.Sample.Of, i.Sample.By.Key)
	case i.RateLimit != nil:
		return middleware.RateLimit(i.RateLimit.config())
	case i.Throttle != nil:
		return middleware.Throttle(i.Throttle.config())
	case i.MaxMessages != nil:
		return middleware.MaxMessages(i.MaxMessages.config())
	case i.NormalizeHeaders != nil:
		return middleware.NormalizeHeaders(middleware.NormalizeConfig{
			MaxValue: int(i.NormalizeHeaders.MaxValue.Bytes), MaxWords: i.NormalizeHeaders.MaxWords.N,
		})
	case i.DryRun != nil:
		return middleware.DryRun()
	default:
		return nil
	}
}

// limit returns the stage of a limit that is a filter by itself. A limit counts each message
// once, however many filters there are.
func (i *shelfItem) limit() (kind string, at framework.Stage, ok bool) {
	switch {
	case i.MaxMessages != nil:
		return "max_messages", framework.StageMail, true
	case i.RateLimit == nil:
		return "", 0, false
	case i.RateLimit.Recipients || i.RateLimit.By.recipients:
		return "rate_limit", framework.StageRcpt, true
	case i.RateLimit.By.late:
		return "rate_limit", framework.StageData, true
	default:
		return "rate_limit", framework.StageMail, true
	}
}

// around returns a router with the middleware of a list around its filters, outermost first.
// It mounts the limits of the list, each inside the middleware before it.
func around(r *framework.Router, list []*shelfItem) *framework.Router {
	count := make(map[string]int)
	for _, item := range list {
		mw := item.on(r)
		kind, at, ok := item.limit()
		if !ok {
			r = r.With(mw)
			continue
		}
		if count[kind]++; count[kind] > 1 {
			kind += strconv.Itoa(count[kind])
		}
		r.Mount(framework.AsFilter(kind, mw, at))
	}
	return r
}
