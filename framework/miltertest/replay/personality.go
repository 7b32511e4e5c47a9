package replay

import (
	"bytes"
	"fmt"
	"strings"

	"github.com/sluicemail/sluice/wire"
	"github.com/sluicemail/sluice/wire/mta"
)

// Postfix returns a current Postfix with its default settings.
func Postfix() mta.Config { return mta.Config{Flavor: mta.Postfix} }

// Sendmail returns a current Sendmail with its usual configuration.
func Sendmail() mta.Config {
	return mta.Config{Flavor: mta.Sendmail, Offer: mta.SendmailOffer()}
}

// Plain returns an MTA without quirks: see [mta.Plain].
func Plain() mta.Config { return mta.Config{Flavor: mta.Plain} }

// Stalwart returns a Stalwart: see miltertest.Stalwart.
func Stalwart() mta.Config {
	return mta.Config{
		Flavor: mta.Plain,
		Quirks: mta.QuirkSet(
			mta.Unnegotiated, mta.LongFields, mta.RawFields, mta.NoArguments, mta.FewMacros, mta.QuarantineField, mta.RefusesForAll,
			mta.AcceptContinues, mta.HeaderInBody,
		),
		Offer: mta.Offer{
			Version: wire.MaxVersion, Actions: wire.KnownActions &^ wire.ActionSetSymList,
			Protocol: wire.ProtoNoHelo | wire.ProtoNoEOH,
		},
	}
}

// Personalities are the names that [Personality] knows.
const Personalities = "postfix, sendmail, stalwart or plain"

// Personality returns an MTA by its name, in any case.
func Personality(name string) (mta.Config, error) {
	switch strings.ToLower(name) {
	case "postfix":
		return Postfix(), nil
	case "sendmail":
		return Sendmail(), nil
	case "stalwart":
		return Stalwart(), nil
	case "plain":
		return Plain(), nil
	default:
		return mta.Config{}, fmt.Errorf("unknown MTA %q: want %s", name, Personalities)
	}
}

// recordedMTA returns the MTA that was recorded, with its offer. It goes by the signs by
// which the framework itself recognises MTAs, because the recorded modifications were made
// for the MTA that the framework took it for.
func recordedMTA(c *conversation) mta.Config {
	cfg := flavorOf(c)
	cfg.Offer = mta.Offer{Version: c.offer.Version, Actions: c.offer.Actions, Protocol: c.offer.Protocol}
	cfg.Quirks |= cfg.Flavor.Quirks()
	if c.extra {
		cfg.Quirks = cfg.Quirks.With(mta.ExtraOffer)
	}
	return cfg
}

func flavorOf(c *conversation) mta.Config {
	var connect []byte
	for i := range c.steps {
		s := &c.steps[i]
		switch {
		case s.code == wire.CmdConnect && s.macros != nil:
			connect = s.macros[1:]
		case s.macros != nil && (s.code == wire.CmdHeader || s.code == wire.CmdBody):
			return Postfix() // no other MTA sends macros here
		}
	}
	value := func(name string) []byte {
		v, _ := wire.LookupMacro(connect, name)
		return v
	}
	const stalwart = wire.ProtoNoHelo | wire.ProtoNoEOH
	silent := c.offer.Protocol == stalwart && !c.offer.Actions.Has(wire.ActionSetSymList)
	switch v := value("v"); {
	case silent, bytes.HasPrefix(value("daemon_name"), []byte("Stalwart ")):
		return Stalwart()
	case bytes.HasPrefix(v, []byte("Postfix")), len(v) > 0 && (v[0] < '0' || v[0] > '9'):
		return Postfix()
	default:
		return Sendmail()
	}
}
