package agents

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"slices"

	"github.com/binside/binside/server/relay"
	"github.com/binside/binside/server/speech"
	"github.com/binside/binside/server/store"
)

// Voices are the server's voice packs; see speech.Packs.
type Voices interface {
	Get(id string) (*speech.Pack, bool)
	ReadFile(id, name string) ([]byte, error)
}

// digested is a pack as it travels, at one version of its files.
type digested struct {
	version string
	voice   *relay.Voice
}

// voice is the pack of a name as it travels; nil where there is none that can
// be spoken with. One that cannot travel is logged, and nothing else waits for
// it.
func (s *Service) voice(id string) *relay.Voice {
	if s.deps.Voices == nil {
		return nil
	}
	pack, ok := s.deps.Voices.Get(id)
	if !ok {
		return nil
	}
	s.voiceMu.Lock()
	defer s.voiceMu.Unlock()
	if d := s.voices[id]; d.version == pack.Version {
		return d.voice
	}
	const refused = "a voice pack does not travel to the stations that have chosen it"
	v, err := s.digestVoice(pack)
	if err != nil {
		s.deps.Logger.Warn(refused, "pack", id, "error", err)
		return nil // it may be readable the next time
	}
	if err := v.Validate(); err != nil {
		s.deps.Logger.Warn(refused, "pack", id, "error", err)
		v = nil
	}
	s.voices[id] = digested{pack.Version, v}
	return v
}

func (s *Service) digestVoice(pack *speech.Pack) (*relay.Voice, error) {
	v := &relay.Voice{ID: pack.ID}
	for _, name := range pack.Files() {
		data, err := s.deps.Voices.ReadFile(pack.ID, name)
		if err != nil {
			return nil, err
		}
		v.Files = append(v.Files, relay.File{Name: name, SHA256: digestOf(data), Bytes: int64(len(data))})
	}
	return v, nil
}

func digestOf(data []byte) string {
	sum := sha256.Sum256(data)
	return hex.EncodeToString(sum[:])
}

// VoiceFile opens a file of the voice pack that a station has chosen by its
// digest; store.ErrNotFound where the pack has no such file.
func (s *Service) VoiceFile(ctx context.Context, stationID, sha256 string) (file io.Reader, bytesLong int64, err error) {
	st, err := s.deps.Store.GetStation(ctx, stationID)
	if err != nil {
		return nil, 0, err
	}
	if v := s.voice(st.Prompts.Over(s.cfg.Screen).Voice); v != nil {
		if n := slices.IndexFunc(v.Files, func(f relay.File) bool { return f.SHA256 == sha256 }); n >= 0 {
			data, err := s.deps.Voices.ReadFile(v.ID, v.Files[n].Name)
			if err == nil && digestOf(data) == sha256 {
				return bytes.NewReader(data), int64(len(data)), nil
			}
		}
	}
	return nil, 0, fmt.Errorf("%w: no file of the station's voice pack", store.ErrNotFound)
}
