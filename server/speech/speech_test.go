package speech_test

import (
	"context"
	"encoding/binary"
	"log/slog"
	"math"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/binside/binside/camera/cameratest"
	"github.com/binside/binside/datasets/taxonomy"
	"github.com/binside/binside/server/speech"
	"github.com/binside/binside/server/station"
	"github.com/binside/binside/server/web"
)

func sentences(t *testing.T) *speech.Sentences {
	t.Helper()
	phrases, err := web.Phrases()
	require.NoError(t, err)
	return speech.NewSentences(taxonomy.Default(), phrases)
}

// service renders with the real espeak-ng.
func service(t *testing.T) (s *speech.Service, cache, packs string) {
	t.Helper()
	if _, err := exec.LookPath("espeak-ng"); err != nil {
		cameratest.Missing(t, "espeak-ng: %v", err)
	}
	cache, packs = filepath.Join(t.TempDir(), "cache"), filepath.Join(t.TempDir(), "voices")
	return speech.New(sentences(t), cache, packs, slog.New(slog.DiscardHandler)), cache, packs
}

// heard checks a WAV file's header and returns its length in seconds and the
// root mean square of its samples, of 32768.
func heard(t *testing.T, file []byte) (seconds, rms float64) {
	t.Helper()
	require.Greater(t, len(file), 44)
	require.Equal(t, "RIFF", string(file[:4]))
	require.EqualValues(t, len(file)-8, binary.LittleEndian.Uint32(file[4:]))
	require.EqualValues(t, 1, binary.LittleEndian.Uint16(file[22:]), "mono")
	require.EqualValues(t, 22050, binary.LittleEndian.Uint32(file[24:]))
	require.EqualValues(t, len(file)-44, binary.LittleEndian.Uint32(file[40:]))
	samples := file[44:]
	for i := 0; i < len(samples); i += 2 {
		v := float64(int16(binary.LittleEndian.Uint16(samples[i:])))
		rms += v * v
	}
	n := float64(len(samples) / 2)
	return n / 22050, math.Sqrt(rms / n)
}

func TestEverySentenceIsHeard(t *testing.T) {
	s, cache, _ := service(t)
	require.True(t, s.Renders())
	lengths := map[float64]int{}
	for _, key := range []string{"class-battery", "class-banana_peel", "category-hazardous", "removed-kitchen", "thanks", "corrected", "appealed"} {
		for _, language := range station.Languages {
			text, ok := sentences(t).Text(key, language)
			require.True(t, ok, key)
			require.NotContains(t, text, "{", key)
			sound, err := s.Say(t.Context(), "", key, language)
			require.NoError(t, err, key)
			require.Equal(t, "audio/wav", sound.MediaType)
			seconds, rms := heard(t, sound.Data)
			// Speech is 3 to 6 syllables a second: a character of Chinese each,
			// about three letters of English.
			syllables := float64(len([]rune(text)))
			if language == station.English {
				syllables /= 3
			}
			require.Greater(t, seconds, 0.5+syllables/10, "%s: %s", key, text)
			require.Less(t, seconds, 1.5+syllables/2, "%s: %s", key, text)
			require.Greater(t, rms, 1000., "%s: %s is silent", key, text)
			lengths[seconds]++
			again, err := s.Say(t.Context(), "", key, language)
			require.NoError(t, err)
			require.Equal(t, sound.Data, again.Data)
		}
	}
	require.Greater(t, len(lengths), 10, "they are not all the same")
	kept, err := os.ReadDir(cache)
	require.NoError(t, err)
	require.Len(t, kept, 14)
	_, err = s.Say(t.Context(), "", "'; rm -rf /", station.Chinese)
	require.ErrorIs(t, err, speech.ErrUnknown, "no text but the screen's is spoken")
}

func TestCacheIsBounded(t *testing.T) {
	s, cache, _ := service(t)
	s.LimitCache(400_000)
	for _, key := range s.Keys()[:8] {
		_, err := s.Say(t.Context(), "", key, station.English)
		require.NoError(t, err)
	}
	kept, err := os.ReadDir(cache)
	require.NoError(t, err)
	require.NotEmpty(t, kept)
	var total int64
	for _, e := range kept {
		info, err := e.Info()
		require.NoError(t, err)
		total += info.Size()
	}
	require.LessOrEqual(t, total, int64(400_000))
}

func TestManyAtOnce(t *testing.T) {
	s, _, _ := service(t)
	var all sync.WaitGroup
	for n := range 24 {
		all.Go(func() {
			_, err := s.Say(t.Context(), "", s.Keys()[n%3], station.Chinese)
			if err != nil {
				t.Error(err)
			}
		})
	}
	all.Wait()
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	_, err := s.Say(ctx, "", s.Keys()[5], station.Chinese)
	require.ErrorIs(t, err, context.Canceled)
}

func TestWithoutEspeak(t *testing.T) {
	s, _, packs := service(t)
	write(t, packs, "hangzhou", map[string][]byte{"pack.yaml": []byte(about), "thanks.ogg": []byte("OggS and more")})
	t.Setenv("PATH", t.TempDir())
	require.False(t, s.Renders())
	_, err := s.Say(t.Context(), "hangzhou", "corrected", station.Chinese)
	require.ErrorIs(t, err, speech.ErrUnavailable)
	sound, err := s.Say(t.Context(), "hangzhou", "thanks", station.Chinese)
	require.NoError(t, err, "what was recorded needs no renderer")
	require.Equal(t, "audio/ogg", sound.MediaType)
}

const about = "name: {zh: 杭州话, en: Hangzhou dialect}\nlanguage: zh-CN\nlicence: CC-BY-4.0\n"

func write(t *testing.T, packs, id string, files map[string][]byte) {
	t.Helper()
	require.NoError(t, os.MkdirAll(filepath.Join(packs, id), 0o755))
	for name, data := range files {
		require.NoError(t, os.WriteFile(filepath.Join(packs, id, name), data, 0o644))
	}
}

// A pack is dropped in, changed and taken away while the service runs.
func TestPackIsDroppedIn(t *testing.T) {
	s, _, packs := service(t)
	require.Empty(t, s.Packs.List())
	before := s.Version("hangzhou")
	recording := []byte("OggS a person says thanks")
	write(t, packs, "hangzhou", map[string][]byte{"pack.yaml": []byte(about), "thanks.ogg": recording})
	s.Packs.Forget()
	pack, ok := s.Packs.Get("hangzhou")
	require.True(t, ok)
	require.Equal(t, "杭州话", pack.Name.ZH)
	require.Equal(t, []string{"thanks"}, pack.Keys)
	require.Contains(t, pack.Missing, "class-battery")
	require.Empty(t, pack.Problems)
	with := s.Version("hangzhou")
	require.NotEqual(t, before, with)

	said := func(key, language string) string {
		sound, err := s.Say(t.Context(), "hangzhou", key, language)
		require.NoError(t, err)
		return sound.MediaType + " " + string(sound.Data[:4])
	}
	require.Equal(t, "audio/ogg OggS", said("thanks", station.Chinese))
	require.Equal(t, "audio/wav RIFF", said("class-battery", station.Chinese), "what is missing is rendered")
	require.Equal(t, "audio/wav RIFF", said("thanks", station.English), "it does not speak English")

	write(t, packs, "hangzhou", map[string][]byte{"corrected.mp3": []byte("ID3 another")})
	s.Packs.Forget()
	require.Equal(t, "audio/mpeg ID3 ", said("corrected", station.Chinese))
	require.NotEqual(t, with, s.Version("hangzhou"), "screens fetch it anew")
	require.NoError(t, os.RemoveAll(filepath.Join(packs, "hangzhou")))
	s.Packs.Forget()
	require.Equal(t, "audio/wav RIFF", said("thanks", station.Chinese))
	require.Equal(t, before, s.Version("hangzhou"))
}

// Other sentences are said from the moment that they are followed, by the
// renderer and from a pack, whose recordings are checked again.
func TestOtherSentencesAreFollowed(t *testing.T) {
	s, _, packs := service(t)
	other, err := taxonomy.Open("san-francisco-three", "")
	require.NoError(t, err)
	const gone = "category-recyclable"
	write(t, packs, "hangzhou", map[string][]byte{
		"pack.yaml": []byte(about), "category-compost.ogg": []byte("OggS compost"), gone + ".ogg": []byte("OggS of before"),
	})
	heard := func(key string) speech.Sound {
		sound, err := s.Say(t.Context(), "hangzhou", key, station.English)
		require.NoError(t, err)
		return sound
	}
	before, version := heard("class-banana_peel"), s.Version("hangzhou")
	pack, _ := s.Packs.Get("hangzhou")
	require.Equal(t, []string{gone}, pack.Keys)

	phrases, err := web.Phrases()
	require.NoError(t, err)
	s.Follow(speech.NewSentences(other, phrases))
	require.NotEqual(t, before, heard("class-banana_peel"), "what was kept of the sentences before is not said")
	require.NotEqual(t, version, s.Version("hangzhou"), "screens fetch it anew")
	require.Contains(t, s.Keys(), "category-compost")
	_, err = s.Say(t.Context(), "hangzhou", gone, station.Chinese)
	require.ErrorIs(t, err, speech.ErrUnknown)
	sound, err := s.Say(t.Context(), "hangzhou", "category-compost", station.Chinese)
	require.NoError(t, err)
	require.Equal(t, "OggS compost", string(sound.Data))
}

func TestUnsoundPacksSayWhy(t *testing.T) {
	s, _, packs := service(t)
	outside := filepath.Join(t.TempDir(), "secret.wav")
	require.NoError(t, os.WriteFile(outside, append([]byte("RIFF....WAVEfmt "), make([]byte, 100)...), 0o600))
	ogg := []byte("OggS")
	for id, c := range map[string]struct {
		files  map[string][]byte
		says   string
		usable bool
	}{
		"no-yaml":   {map[string][]byte{"thanks.ogg": ogg}, "pack.yaml", false},
		"typo":      {map[string][]byte{"pack.yaml": []byte(about + "languages: en\n"), "thanks.ogg": ogg}, "languages", false},
		"language":  {map[string][]byte{"pack.yaml": []byte(strings.Replace(about, "zh-CN", "yue", 1)), "thanks.ogg": ogg}, "language", false},
		"licence":   {map[string][]byte{"pack.yaml": []byte("name: {zh: 一, en: one}\nlanguage: en\n"), "thanks.ogg": ogg}, "licence", false},
		"empty":     {map[string][]byte{"pack.yaml": []byte(about)}, "no sentence", false},
		"no-sound":  {map[string][]byte{"pack.yaml": []byte(about), "thanks.ogg": []byte("<html>"), "corrected.ogg": ogg}, "thanks.ogg: it is no OGG file", true},
		"program":   {map[string][]byte{"pack.yaml": []byte(about), "thanks.exe": ogg, "corrected.ogg": ogg}, "thanks.exe: it ends neither", true},
		"unknown":   {map[string][]byte{"pack.yaml": []byte(about), "class-ufo.ogg": ogg, "corrected.ogg": ogg}, "class-ufo.ogg: no sentence", true},
		"large":     {map[string][]byte{"pack.yaml": []byte(about), "thanks.ogg": append(ogg, make([]byte, 2<<20)...), "corrected.ogg": ogg}, "larger", true},
		"two-files": {map[string][]byte{"pack.yaml": []byte(about), "thanks.ogg": ogg, "thanks.mp3": []byte("ID3")}, "another file already", true},
		"link-out":  {map[string][]byte{"pack.yaml": []byte(about), "corrected.ogg": ogg}, "thanks.wav", true},
	} {
		write(t, packs, id, c.files)
		if id == "link-out" {
			require.NoError(t, os.Symlink(outside, filepath.Join(packs, id, "thanks.wav")))
		}
		s.Packs.Forget()
		var found bool
		for _, p := range s.Packs.List() {
			if p.ID != id {
				continue
			}
			found = true
			require.Equal(t, c.usable, p.Usable, id)
			require.Len(t, p.Problems, 1, "%s: %q", id, p.Problems)
			require.Contains(t, p.Problems[0], c.says, id)
		}
		require.True(t, found, id)
		_, ok := s.Packs.Get(id)
		require.Equal(t, c.usable, ok, id)
	}
	for _, id := range []string{"", "..", "../voices", "none", "/etc"} {
		_, ok := s.Packs.Get(id)
		require.False(t, ok, id)
	}
}
