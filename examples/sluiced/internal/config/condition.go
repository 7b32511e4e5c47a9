package config

import (
	"errors"

	"github.com/samber/lo"
	"go.yaml.in/yaml/v4"

	"github.com/sluicemail/sluice/examples/internal/yamlconf"
	"github.com/sluicemail/sluice/framework"
	"github.com/sluicemail/sluice/middleware"
)

// condition is the setting when: for which messages a filter or a middleware runs. All that it
// has must hold.
type condition struct {
	yamlconf.Position
	conditionFile
}

type conditionFile struct {
	Clients       []yamlconf.Network `yaml:"clients"`
	Authenticated *bool              `yaml:"authenticated"`
	Senders       []string           `yaml:"senders"`
	Recipients    []string           `yaml:"recipients"`
	Share         *share             `yaml:"share"`
	All           []condition        `yaml:"all"`
	Any           []condition        `yaml:"any"`
	Not           *condition         `yaml:"not"`
}

// UnmarshalYAML implements [yaml.Unmarshaler].
func (c *condition) UnmarshalYAML(n *yaml.Node) error {
	c.Position = yamlconf.At(n)
	if n.Kind != yaml.MappingNode || len(n.Content) == 0 {
		return errors.New("want at least one of clients, authenticated, senders, recipients, share, all, any and not")
	}
	return yamlconf.Decode(n, &c.conditionFile)
}

// on returns the condition for the filters of a router.
func (c *condition) on(r *framework.Router) middleware.Condition {
	var all []middleware.Condition
	if c.Clients != nil {
		networks := lo.Map(c.Clients, func(n yamlconf.Network, _ int) string { return n.String() })
		all = append(all, middleware.ClientIn(networks...))
	}
	if c.Authenticated != nil {
		all = append(all, lo.Ternary(*c.Authenticated, middleware.Authenticated(), middleware.Not(middleware.Authenticated())))
	}
	if c.Senders != nil {
		all = append(all, middleware.SenderIn(c.Senders...))
	}
	if c.Recipients != nil {
		all = append(all, middleware.RecipientIn(r.WantEnvelope(), c.Recipients...))
	}
	if c.Share != nil {
		all = append(all, middleware.Share(c.Share.Of, c.Share.By.Key))
	}
	if c.All != nil {
		all = append(all, middleware.All(each(c.All, r)...))
	}
	if c.Any != nil {
		all = append(all, middleware.Any(each(c.Any, r)...))
	}
	if c.Not != nil {
		all = append(all, middleware.Not(c.Not.on(r)))
	}
	if len(all) == 1 {
		return all[0]
	}
	return middleware.All(all...)
}

func each(list []condition, r *framework.Router) []middleware.Condition {
	out := make([]middleware.Condition, len(list))
	for i := range list {
		out[i] = list[i].on(r)
	}
	return out
}

// share is a share of the mail, chosen by a key.
type share struct {
	Of float64 `yaml:"of"`
	By key     `yaml:"by"`
}

// UnmarshalYAML implements [yaml.Unmarshaler].
func (s *share) UnmarshalYAML(n *yaml.Node) error {
	type plain share
	s.By.Key = middleware.ByQueueID()
	if n.Kind == yaml.ScalarNode {
		if err := n.Decode(&s.Of); err != nil {
			return errors.New("want a share such as 0.1, or {of: 0.1, by: sender}")
		}
	} else if err := yamlconf.Decode(n, (*plain)(s)); err != nil {
		return err
	}
	if s.Of < 0 || s.Of > 1 {
		return errors.New("want a share between 0 and 1")
	}
	return nil
}

// key is a property of messages by which they are counted or chosen.
type key struct {
	middleware.Key

	set        bool // the file has it
	recipients bool // it is of recipients
	late       bool // it is known from Data on
}

// UnmarshalYAML implements [yaml.Unmarshaler].
func (k *key) UnmarshalYAML(n *yaml.Node) (err error) {
	*k, err = oneOf(n, []string{"client", "sender", "sender_domain", "user", "recipient", "recipient_domain", "queue_id"}, []key{
		{Key: middleware.ByClient()},
		{Key: middleware.BySender()},
		{Key: middleware.BySenderDomain()},
		{Key: middleware.ByAuthUser()},
		{Key: middleware.ByRecipient(), recipients: true},
		{Key: middleware.ByRecipientDomain(), recipients: true},
		{Key: middleware.ByQueueID(), late: true},
	})
	k.set = true
	return err
}

// middleware returns the middleware that runs a filter under the condition.
func (c *condition) middleware(r *framework.Router) framework.Middleware {
	return middleware.When(c.on(r))
}
