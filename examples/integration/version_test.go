//go:build integration

package integration_test

import (
	"encoding/json"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/sluicemail/sluice/framework/miltertest/realmta"
)

// negotiation is what one side sent in the negotiation, by the C names.
type negotiation struct {
	version           string
	actions, protocol []string
	macros            map[string][]string
}

// planOf returns the plan that a filter prints with -explain.
func planOf(t *testing.T, name string, args ...string) negotiation {
	t.Helper()
	out, err := exec.Command(filepath.Join(binaries, name), append(args, "-explain", "json")...).Output()
	require.NoError(t, err)
	var plan struct {
		Actions, Optional, Protocol []string
		Macros                      map[string][]string
	}
	require.NoError(t, json.Unmarshal(out, &plan))
	return negotiation{actions: append(plan.Actions, plan.Optional...), protocol: plan.Protocol, macros: plan.Macros}
}

// minimum returns the part of a plan that an offer allows. It drops the bit for
// a missing reply if the event itself is not sent.
func (n negotiation) minimum(offer negotiation) negotiation {
	lacks := func(all []string) func(string) bool {
		return func(name string) bool { return !slices.Contains(all, name) }
	}
	least := negotiation{
		version:  offer.version,
		actions:  slices.DeleteFunc(slices.Clone(n.actions), lacks(offer.actions)),
		protocol: slices.DeleteFunc(slices.Clone(n.protocol), lacks(offer.protocol)),
	}
	if slices.Contains(least.actions, "SMFIF_SETSYMLIST") {
		least.macros = n.macros
	}
	no := map[string]string{
		"CONN": "NOCONNECT", "HELO": "NOHELO", "MAIL": "NOMAIL", "RCPT": "NORCPT", "DATA": "NODATA",
		"HDR": "NOHDRS", "EOH": "NOEOH", "BODY": "NOBODY", "UNKN": "NOUNKNOWN",
	}
	least.protocol = slices.DeleteFunc(least.protocol, func(name string) bool {
		stage, isNR := strings.CutPrefix(name, "SMFIP_NR_")
		return isNR && slices.Contains(least.protocol, "SMFIP_"+no[stage])
	})
	return least
}

// negotiations returns what both sides sent in the negotiation of a trace.
func negotiations(t *testing.T, lines []string) (offer, answer negotiation) {
	t.Helper()
	line := regexp.MustCompile(`^(MTA|FLT) SMFIC_OPTNEG version=(\d+) actions=(\S+) protocol=(\S+)(.*)$`)
	list := regexp.MustCompile(`(SMFIM_\w+)="([^"]*)"`)
	sides := make(map[string]negotiation)
	for _, l := range lines {
		m := line.FindStringSubmatch(l)
		if m == nil {
			continue
		}
		n := negotiation{version: m[2], actions: names(m[3]), protocol: names(m[4])}
		for _, m := range list.FindAllStringSubmatch(m[5], -1) {
			if n.macros == nil {
				n.macros = make(map[string][]string)
			}
			n.macros[m[1]] = strings.Fields(m[2])
		}
		sides[m[1]] = n
	}
	require.Len(t, sides, 2, "a negotiation")
	return sides["MTA"], sides["FLT"]
}

func names(joined string) []string {
	if joined == "0" {
		return nil
	}
	return strings.Split(joined, "|")
}

// TestVersions sends a message through each filter in each version of the
// protocol that Postfix speaks, and compares what was negotiated with the plan.
func TestVersions(t *testing.T) {
	t.Parallel()
	mta := realmta.StartPostfix(t, realmta.PostfixConfig{})
	filters := map[string][]string{
		"logall":      nil,
		"addheaderip": {"-name", "X-From"},
		"changebody":  {"-text", "new"},
	}
	delivered := map[string]string{
		"logall":      from + "\r\nold\r\n",
		"addheaderip": from + "X-From: 127.0.0.1\r\n\r\nold\r\n",
		"changebody":  from + "\r\nnew\r\n",
	}
	for name, args := range filters {
		filter := start(t, name, "inet:0@127.0.0.1", args...)
		plan := planOf(t, name, args...)
		for _, version := range []string{"2", "3", "4", "6"} {
			t.Run(name+" "+version, func(t *testing.T) {
				r := startRelay(t, filter)
				mta.Reconfigure(t, map[string]string{"milter_protocol": version, "smtpd_milters": r.address})
				to := name + version + "@example.test"
				code, text := dial(t, mta).Deliver(realmta.Message{
					From: "ann@example.org", To: []string{to}, Data: []byte(from + "\r\nold\r\n"),
				})
				require.Equal(t, 250, code, text)
				got := mta.Sink().Await(t, realmta.ToRecipient(to))
				assert.Equal(t, delivered[name], string(got.WithoutTrace()))
				offer, answer := negotiations(t, r.lines())
				assert.Equal(t, version, offer.version)
				same(t, plan.minimum(offer), answer)
				if version == "6" {
					same(t, plan.minimum(negotiation{version: "6", actions: plan.actions, protocol: plan.protocol}), answer)
				}
			})
		}
	}
}

func same(t *testing.T, want, got negotiation) {
	t.Helper()
	assert.Equal(t, want.version, got.version)
	assert.ElementsMatch(t, want.actions, got.actions)
	assert.ElementsMatch(t, want.protocol, got.protocol)
	assert.Equal(t, want.macros, got.macros)
}
