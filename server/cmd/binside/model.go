package main

import (
	"context"
	"fmt"
	"io/fs"
	"os"

	"github.com/binside/binside/models"
	"github.com/binside/binside/models/base"
	"github.com/binside/binside/models/faces"
	"github.com/binside/binside/models/ort"
	"github.com/binside/binside/server/config"
	"github.com/binside/binside/vision/privacy"
	"github.com/binside/binside/vision/privacy/people"
)

// loadModel reads the model that the configuration names, and its risk sample
// (nil where it has none).
func loadModel(cfg config.Model) (*models.Folder, *models.RiskSample, error) {
	return loadModelFrom(modelFiles(cfg))
}

// modelFiles is the folder of the model that the configuration names, and what
// to call it.
func modelFiles(cfg config.Model) (files fs.FS, name string) {
	if cfg.Dir != "" {
		return os.DirFS(cfg.Dir), cfg.Dir
	}
	return base.Files(), "built in"
}

func loadModelFrom(files fs.FS, name string) (*models.Folder, *models.RiskSample, error) {
	folder, err := models.Load(files)
	if err != nil {
		return nil, nil, fmt.Errorf("%s: %w", name, err)
	}
	sample, err := models.LoadRisk(files, folder.Card)
	if err != nil {
		return nil, nil, fmt.Errorf("%s: %w", name, err)
	}
	return folder, sample, nil
}

// openNetwork opens the model that the configuration names.
func openNetwork(cfg config.Model) (*ort.Network, *models.RiskSample, error) {
	folder, sample, err := loadModel(cfg)
	if err != nil {
		return nil, nil, err
	}
	network, err := ort.Open(folder, ort.Options{Library: cfg.Runtime})
	return network, sample, err
}

func (s *service) openModel(ctx context.Context) error {
	files, name := modelFiles(s.cfg.Model)
	if s.given != nil {
		files, name = s.given.model, "the server's"
	}
	folder, sample, err := loadModelFrom(files, name)
	if err != nil {
		return fmt.Errorf("model: %w", err)
	}
	card := folder.Card
	rules, err := makeRules(s.taxonomy, card, sample, s.settings())
	if err != nil {
		return fmt.Errorf("model: %w", err)
	}
	if s.given != nil {
		if err := rules.Policy.SetStation(s.given.bundle.Station.ID, s.given.bundle.Settings.Record); err != nil {
			return fmt.Errorf("model: %w", err)
		}
	}
	s.policy = rules.Policy
	s.rules.Store(rules)
	s.tellBounds()
	network, err := ort.Open(folder, ort.Options{Library: s.cfg.Model.Runtime})
	if err != nil {
		return fmt.Errorf("model: %w", err)
	}
	s.pool, err = models.NewPool(ctx, network, models.Options{
		Workers: s.cfg.Model.Workers, Queue: s.cfg.Model.QueueLength, MaxBatch: s.cfg.Model.MaxBatch,
		Registerer: s.registry, Logger: s.log,
	})
	if err != nil {
		return fmt.Errorf("model: %w", err)
	}
	s.onClose("model", func(context.Context) error { return s.pool.Close() })
	s.log.Info("model is warm", "version", card.Version, "classes", len(card.Classes), "runtime", ort.Version())
	return nil
}

// openFaces loads what finds people in pictures.
func (s *service) openFaces(context.Context) error {
	found, err := faces.Open(faces.Options{Model: s.cfg.Privacy.Faces, Library: s.cfg.Model.Runtime})
	if err != nil {
		return fmt.Errorf("privacy: %w", err)
	}
	s.onClose("faces", func(context.Context) error { return found.Close() })
	s.redactor = &privacy.Redactor{Faces: found.FindTurnedSurely, People: people.FindLarge}
	// Whole views are asked for one by one, and show no waste that must be judged:
	// there is time to look for small faces and people, and no harm in a mistake.
	s.overview = &privacy.Redactor{Faces: found.FindTurned, SmallestFace: 24, People: people.Find}
	return nil
}

// tellBounds says, for every category's own bin, under which bound its verdicts
// stand.
func (s *service) tellBounds() {
	rules := s.rules.Load()
	for _, id := range rules.Taxonomy.CategoryIDs() {
		b := rules.Policy.Bound([]string{id}, rules.Thresholds)
		if b.TellAt == 0 {
			s.log.Warn("nobody is told at this category's bin: too few photographs bound how often that would be wrong (binside calibrate)",
				"category", id, "n", b.N, "alpha", b.Alpha)
			continue
		}
		s.log.Info("verdicts are bounded", "category", id, "level", b.Level, "n", b.N, "alpha", b.Alpha, "confidence", b.Confidence,
			"upper", b.Upper, "tell_at", b.TellAt, "check_share", b.Shares.Check)
	}
}
