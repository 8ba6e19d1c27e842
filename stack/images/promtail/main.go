// Command promtail ships the containers' logs into Loki.
//
// Upstream stopped shipping this command when promtail reached its end of life (2026-03); its packages are still part of
// Loki's module, so this program only wires them: configuration in, server until a signal comes.
//
// SPDX-License-Identifier: AGPL-3.0-only
package main

import (
	"errors"
	"flag"
	"fmt"
	"io/fs"
	"os"
	"strconv"
	"strings"
	"time"

	"github.com/go-kit/log/level"
	"github.com/grafana/dskit/flagext"
	"github.com/prometheus/client_golang/prometheus"
	"gopkg.in/yaml.v2"

	"github.com/grafana/loki/v3/clients/pkg/promtail"
	"github.com/grafana/loki/v3/clients/pkg/promtail/client"
	"github.com/grafana/loki/v3/clients/pkg/promtail/config"
	"github.com/grafana/loki/v3/clients/pkg/promtail/positions"
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

// unsent is the longest time between a line's being read and its being in the store, while the store answers.
const unsent = 10 * time.Second

// rewind takes every container's cursor back by `unsent`, so that a killed promtail loses nothing.
//
// Upstream writes down a line as done when it is read, and sends it later (batchwait): a kill in between loses it (seen by
// OBS-LOG-002). What is read twice is stored once: Loki drops a line that it has under the same labels and time.
func rewind(file string) error {
	content, err := os.ReadFile(file)
	if errors.Is(err, fs.ErrNotExist) {
		return nil // the first start
	}
	if err != nil {
		return err
	}
	var done positions.File
	if err := yaml.UnmarshalStrict(content, &done); err != nil {
		return setAside(file, err)
	}
	for key, position := range done.Positions {
		if !strings.HasPrefix(key, positions.CursorKey("")) {
			continue
		}
		seconds, err := strconv.ParseInt(position, 10, 64)
		if err != nil {
			return setAside(file, fmt.Errorf("%s: %w", key, err))
		}
		done.Positions[key] = strconv.FormatInt(max(1, seconds-int64(unsent.Seconds())), 10) // 0 would mean: from the beginning
	}
	if content, err = yaml.Marshal(done); err != nil {
		return err
	}
	if err := os.WriteFile(file+".rewound", content, 0o600); err != nil {
		return err
	}
	return os.Rename(file+".rewound", file) // whole or not at all: this may be killed too
}

// setAside lets promtail begin anew when its positions can't be read, as after a disk that was full or lost power: every line
// that the engine still has is read again, and Loki keeps one of each. A note that is lost must not be the end of all logs:
// with it in its place, each restart would end as this one (seen by EXP-LOG-044).
func setAside(file string, reason error) error {
	fmt.Fprintf(os.Stderr, "promtail: %s can't be read and is set aside, every line is read again: %v\n", file, reason)
	return os.Rename(file, file+".unreadable")
}

func run() error {
	s, err := load()
	if err != nil {
		return fmt.Errorf("reading the configuration: %w", err)
	}
	if err := rewind(s.PositionsConfig.PositionsFile); err != nil {
		return fmt.Errorf("rewinding the positions: %w", err)
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
