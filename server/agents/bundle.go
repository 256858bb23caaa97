package agents

import (
	"context"
	"crypto/ed25519"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"

	"github.com/binside/binside/server/relay"
	"github.com/binside/binside/server/station"
	"github.com/binside/binside/server/store"
)

// ErrNoAgent says that the server itself runs the station's cameras.
var ErrNoAgent = errors.New("agents: the station is not set to be run by an agent (binside agent enrol)")

// digestModel reads the files of a model's folder; the risk sample may be
// missing.
func digestModel(model fs.FS) ([]relay.File, error) {
	var files []relay.File
	for _, name := range relay.ModelFiles {
		f, err := digestFile(model, name)
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err != nil {
			return nil, err
		}
		files = append(files, f)
	}
	return files, nil
}

func digestFile(model fs.FS, name string) (relay.File, error) {
	f, err := model.Open(name)
	if err != nil {
		return relay.File{}, err
	}
	defer func() { _ = f.Close() }() // only read from
	h := sha256.New()
	n, err := io.Copy(h, f)
	return relay.File{Name: name, SHA256: hex.EncodeToString(h.Sum(nil)), Bytes: n}, err
}

// PublicKey is the key by which agents know bundles for this server's.
func (s *Service) PublicKey() ed25519.PublicKey {
	key, _ := s.cfg.Key.Public().(ed25519.PublicKey) // that of an Ed25519 key always is
	return key
}

// Bundle returns what a station's agent works by, signed. have is the sequence
// that the agent has, 0 for none. store.ErrNotFound: no such station.
// ErrNoAgent: it has no agent.
func (s *Service) Bundle(ctx context.Context, stationID string, have int64) (*relay.Signed, int64, error) {
	b, err := s.content(ctx, stationID)
	if err != nil {
		return nil, 0, err
	}
	content, err := json.Marshal(b)
	if err != nil {
		return nil, 0, fmt.Errorf("agents: bundle: %w", err)
	}
	sum := sha256.Sum256(content)
	// A number that lies in the future is none that was given here.
	if have > s.cfg.Now().UnixMicro() {
		have = 0
	}
	numbered, err := s.deps.Store.NumberBundle(ctx, stationID, hex.EncodeToString(sum[:]), have)
	if err != nil {
		return nil, 0, err
	}
	b.Sequence, b.MadeAt = numbered.Sequence, numbered.MadeAt
	signed, err := relay.Sign(s.cfg.Key, b)
	return signed, b.Sequence, err
}

// content is a bundle without number and time.
func (s *Service) content(ctx context.Context, stationID string) (*relay.Bundle, error) {
	st, err := s.deps.Store.GetStation(ctx, stationID)
	if err != nil {
		return nil, err
	}
	if !st.Agent {
		return nil, ErrNoAgent
	}
	b := &relay.Bundle{Station: st, Taxonomy: s.table, Settings: s.cfg.Settings, Model: relay.Model{Version: s.cfg.ModelVersion, Files: s.files}}
	b.Settings.Record = s.deps.Record(stationID)
	own := st.Prompts.Over(station.Prompts{Language: s.cfg.Screen.Language, Volume: s.cfg.Screen.Volume})
	b.Station.Prompts = &own
	b.Voice = s.voice(own.Voice)
	if b.Bins, err = all(ctx, stationID, s.deps.Store.ListBins); err != nil {
		return nil, err
	}
	b.Cameras, err = all(ctx, stationID, s.deps.Store.ListCameras)
	return b, err
}

func all[T any](ctx context.Context, stationID string, list func(context.Context, store.PlaceFilter) ([]T, string, error)) (items []T, err error) {
	for f := (store.PlaceFilter{StationID: stationID, Limit: store.MaxPage}); ; {
		page, next, err := list(ctx, f)
		if err != nil {
			return nil, err
		}
		items = append(items, page...)
		if next == "" {
			return items, nil
		}
		f.After = next
	}
}

// ModelFile opens one of the model's files by its digest; store.ErrNotFound
// where the running model has no such file. The caller closes it.
func (s *Service) ModelFile(sha256 string) (fs.File, int64, error) {
	for _, f := range s.files {
		if f.SHA256 == sha256 {
			file, err := s.cfg.Model.Open(f.Name)
			if err != nil {
				return nil, 0, fmt.Errorf("agents: model: %w", err)
			}
			return file, f.Bytes, nil
		}
	}
	return nil, 0, fmt.Errorf("%w: no file of the model", store.ErrNotFound)
}
