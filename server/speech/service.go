package speech

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"log/slog"
	"maps"
	"os/exec"
	"slices"
	"sync/atomic"
)

const (
	// maxRendering sentences are rendered at once, maxWaiting wait for that.
	maxRendering = 2
	maxWaiting   = 64
)

// Sound is one sentence to be heard.
type Sound struct {
	Data      []byte
	MediaType string
}

// Service says sentences. Its methods may be called from any goroutine; it has
// none of its own.
type Service struct {
	Packs *Packs

	sentences atomic.Pointer[Sentences] // in force
	cache     cache
	log       *slog.Logger
	slots     chan struct{}
	waiting   atomic.Int64
}

// New makes a service. cacheDir keeps rendered sentences, packDir has the voice
// packs; neither has to be there.
func New(s *Sentences, cacheDir, packDir string, log *slog.Logger) *Service {
	out := &Service{
		Packs: NewPacks(packDir, s, log), cache: cache{dir: cacheDir, limit: maxCache}, log: log, slots: make(chan struct{}, maxRendering),
	}
	out.sentences.Store(s)
	return out
}

// Follow makes the service say other sentences from now on: those of the
// taxonomy that came into force. What is being said is finished.
func (s *Service) Follow(now *Sentences) {
	s.Packs.follow(now)
	s.sentences.Store(now)
}

// Keys are those of the sentences in force. They must not be changed.
func (s *Service) Keys() []string { return s.sentences.Load().Keys }

// Renders reports whether espeak-ng is there for what no pack has.
func (*Service) Renders() bool {
	_, err := exec.LookPath("espeak-ng")
	return err == nil
}

// Version changes with everything that a pack (none: "") and the renderer would
// say.
func (s *Service) Version(pack string) string {
	version := s.sentences.Load().Version
	if p, ok := s.Packs.Get(pack); ok {
		return version + "-" + p.Version
	}
	return version
}

// Say returns a sentence in a language, from the pack where that speaks the
// language and has it. ErrUnknown: there is no such sentence. ErrUnavailable: no
// pack has it and espeak-ng is not installed. ErrBusy: ask again.
func (s *Service) Say(ctx context.Context, pack, key, language string) (Sound, error) {
	text, ok := s.sentences.Load().Text(key, language)
	if !ok {
		return Sound{}, ErrUnknown
	}
	if sound, ok := s.Packs.sound(pack, key, language); ok {
		return sound, nil
	}
	sum := sha256.Sum256([]byte("espeak-ng 165\x00" + language + "\x00" + text))
	name := hex.EncodeToString(sum[:])
	if data, ok := s.cache.get(name); ok {
		return Sound{data, "audio/wav"}, nil
	}
	if s.waiting.Add(1) > maxWaiting {
		s.waiting.Add(-1)
		return Sound{}, ErrBusy
	}
	defer s.waiting.Add(-1)
	select {
	case s.slots <- struct{}{}:
		defer func() { <-s.slots }()
	case <-ctx.Done():
		return Sound{}, ctx.Err()
	}
	if data, ok := s.cache.get(name); ok { // rendered while this one waited
		return Sound{data, "audio/wav"}, nil
	}
	data, err := Render(ctx, text, language)
	if err != nil {
		return Sound{}, err
	}
	if err := s.cache.put(name, data); err != nil {
		s.log.Warn("a rendered sentence was not kept", "key", key, "error", err)
	}
	return Sound{data, "audio/wav"}, nil
}

func sorted[V any](m map[string]V) []string { return slices.Sorted(maps.Keys(m)) }
