// Command promtail ships the containers' logs into Loki.
//
// Upstream stopped shipping this command when promtail reached its end of life (2026-03); its packages are still part of
// Loki's module, so this program only wires them: configuration in, server until a signal comes.
//
// SPDX-License-Identifier: AGPL-3.0-only
package main

import (
	"flag"
	"fmt"
	"os"

	"github.com/go-kit/log/level"
	"github.com/grafana/dskit/flagext"
	"github.com/prometheus/client_golang/prometheus"

	"github.com/grafana/loki/v3/clients/pkg/promtail"
	"github.com/grafana/loki/v3/clients/pkg/promtail/client"
	"github.com/grafana/loki/v3/clients/pkg/promtail/config"
	"github.com/grafana/loki/v3/pkg/util/cfg"
	utillog "github.com/grafana/loki/v3/pkg/util/log"
)

// settings is what the configuration file and the flags are read into.
type settings struct {
	config.Config   `yaml:",inline"`
	configFile      string
	configExpandEnv bool
}

// RegisterFlags names -config.file and -config.expand-env, which the loader looks for by itself.
func (s *settings) RegisterFlags(f *flag.FlagSet) {
	f.StringVar(&s.configFile, "config.file", "/etc/promtail/promtail.yaml", "configuration file")
	f.BoolVar(&s.configExpandEnv, "config.expand-env", false, "replace ${VAR} in the configuration")
	s.Config.RegisterFlags(f)
}

// Clone is what the loader parses a second time, so that flags win over the file.
func (s *settings) Clone() flagext.Registerer {
	return func(s settings) *settings { return &s }(*s)
}

func load() (*settings, error) {
	var s settings
	err := cfg.DefaultUnmarshal(&s, os.Args[1:], flag.NewFlagSet(os.Args[0], flag.ExitOnError))
	return &s, err
}

func run() error {
	s, err := load()
	if err != nil {
		return fmt.Errorf("reading the configuration: %w", err)
	}
	utillog.InitLogger(&s.ServerConfig.Config, prometheus.DefaultRegisterer, true)
	reread := func() (*config.Config, error) {
		s, err := load()
		return &s.Config, err
	}
	p, err := promtail.New(s.Config, reread, client.NewMetrics(prometheus.DefaultRegisterer), false)
	if err != nil {
		return fmt.Errorf("creating promtail: %w", err)
	}
	defer p.Shutdown()
	level.Info(utillog.Logger).Log("msg", "starting promtail")
	return p.Run()
}

func main() {
	if err := run(); err != nil {
		fmt.Fprintln(os.Stderr, "promtail:", err)
		os.Exit(1)
	}
}
