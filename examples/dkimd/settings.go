package main

import (
	"errors"
	"fmt"

	"go.yaml.in/yaml/v4"

	"github.com/sluicemail/sluice/contrib/dkim"
	"github.com/sluicemail/sluice/examples/internal/dkimfile"
	"github.com/sluicemail/sluice/examples/internal/inspectfile"
	"github.com/sluicemail/sluice/examples/internal/inspecting"
	"github.com/sluicemail/sluice/examples/internal/yamlconf"
)

// settings holds the values of a configuration file in the form in which the
// filter needs them.
type settings struct {
	mode     string
	dryRun   bool
	metrics  string // the address of the metrics, or ""
	inspect  inspecting.Settings
	section  *yaml.Node // the section inspect, or nil
	config   dkim.Config
	resolver dkim.Resolver
	warnings []error // about what is valid but does nothing

	sections map[string]yamlconf.Position // of the file, by name
}

// place returns the place of the section that a part of the filter has in a file. A part without
// one has its defaults because of the mode.
func (s *settings) place(path string, p dkim.Part) string {
	for _, name := range []string{map[dkim.Part]string{dkim.PartSigning: "signing"}[p], "verifying", "mode"} {
		if at, ok := s.sections[name]; ok && (name != "verifying" || p != dkim.PartSigning) {
			return fmt.Sprintf("%s:%d", path, at.Line)
		}
	}
	return path + ":1"
}

// The values of the setting mode.
const (
	modeBoth   = "both"
	modeSign   = "sign"
	modeVerify = "verify"
)

// loadConfig reads a configuration file and the files that it names.
func loadConfig(path string) (*settings, error) {
	text, err := yamlconf.ReadFile(path)
	if err != nil {
		return nil, err
	}
	return parseConfig(path, text)
}

// parseConfig is like loadConfig but takes the text of the file. The path is
// only used in errors.
func parseConfig(path string, text []byte) (*settings, error) {
	var f file
	if err := yamlconf.Parse(path, text, &f); err != nil {
		return nil, err
	}
	s, err := f.settings()
	shown, wrong := inspectfile.Settings(path, f.Inspect.Node, string(workingFolder))
	if err := errors.Join(yamlconf.Prefixed(path, err), wrong); err != nil {
		return nil, err
	}
	s.inspect, s.section = shown, f.Inspect.Node
	if _, err := s.filter(); err != nil {
		return nil, yamlconf.Prefixed(path, err)
	}
	s.sections = yamlconf.Sections(text)
	for i, err := range s.warnings {
		s.warnings[i] = yamlconf.Prefixed(path, err)
	}
	return s, nil
}

// filter returns a filter for the mode.
func (s *settings) filter() (*dkim.Filter, error) {
	switch s.mode {
	case modeSign:
		return dkim.NewSigner(s.config)
	case modeVerify:
		return dkim.NewVerifier(s.config)
	case modeBoth:
		return dkim.New(s.config)
	default:
		return nil, checkMode(s.mode)
	}
}

func checkMode(mode string) error {
	if mode == modeBoth || mode == modeSign || mode == modeVerify {
		return nil
	}
	return fmt.Errorf("mode: want both, sign or verify, not %q", mode)
}

func (f *file) settings() (*settings, error) {
	s := &settings{mode: f.Mode.Text, dryRun: f.DryRun, metrics: f.Metrics.Text}
	if s.mode == "" {
		s.mode = modeBoth
	}
	errs := []error{f.Mode.Wrong(checkMode(s.mode))}
	resolver, err := f.DNS.resolver()
	errs = append(errs, err)
	s.resolver = resolver
	s.config.Trust, err = f.Trust.Trust(workingFolder)
	errs = append(errs, err)
	s.config.Signing, err = f.Signing.Signing(workingFolder, f.Keys, resolver)
	errs = append(errs, err)
	host := dkimfile.Host{AuthservID: f.AuthservID, AlsoRemove: f.AlsoRemove, Relays: f.Relays}
	s.config.Verifying, err = f.Verifying.Verifying(host, resolver)
	errs = append(errs, err)
	s.warnings = f.Signing.Unused(f.Keys)
	return s, errors.Join(errs...)
}

// NewFilter returns a filter with the configuration in the text of a file. The
// path is only used in errors.
func NewFilter(path string, text []byte) (*dkim.Filter, error) {
	s, err := parseConfig(path, text)
	if err != nil {
		return nil, err
	}
	return s.filter()
}
