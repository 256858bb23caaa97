package speech

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"maps"
	"os"
	"path"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"time"

	"go.yaml.in/yaml/v3"

	"github.com/binside/binside/datasets/taxonomy"
	"github.com/binside/binside/server/station"
)

const (
	packFile = "pack.yaml"
	// ListFile says, for the speaker, what each recording says; nothing is read
	// from it.
	ListFile = "sentences.tsv"
	// maxPackFile, maxClip and maxFiles bound a pack: what is written about it
	// and one recording, in bytes, and how many files its folder may hold.
	maxPackFile = 64 << 10
	maxClip     = 2 << 20
	maxFiles    = 1000
	// maxPacks bounds the folder of packs.
	maxPacks = 100
	// packsEvery is how long a look at the folders holds.
	packsEvery = 3 * time.Second
)

var packPattern = regexp.MustCompile(`^[a-z0-9][a-z0-9-]{0,62}$`)

// Pack is one voice.
type Pack struct {
	ID       string        `json:"id" doc:"Its folder's name"`
	Name     taxonomy.Name `json:"name"`
	Language string        `json:"language" doc:"The one that it stands in for"`
	Licence  string        `json:"licence"`
	// Keys are the sentences that it has, Missing those that are rendered
	// instead.
	Keys    []string `json:"keys"`
	Missing []string `json:"missing" doc:"Sentences that are rendered instead"`
	// Problems are what keeps files, or the whole pack, from being used.
	Problems []string `json:"problems" doc:"What keeps files, or the whole of it, from being used"`
	// Version changes with every change of a file.
	Version string `json:"version"`
	// Usable packs can be chosen.
	Usable bool `json:"usable"`

	files map[string]string // file name by key
	given fs.FS             // its folder, where it does not lie in that of packs
}

// Files are the names of the files that are used of a usable pack, sorted.
func (p *Pack) Files() []string {
	names := append(slices.Collect(maps.Values(p.files)), packFile)
	slices.Sort(names)
	return names
}

// Packs reads a folder of voice packs.
type Packs struct {
	dir string
	log *slog.Logger

	mu        sync.Mutex
	sentences *Sentences
	looked    time.Time
	packs     []*Pack // of the folder
	given     *Pack
}

// NewPacks makes a reader; the folder does not have to be there.
func NewPacks(dir string, s *Sentences, log *slog.Logger) *Packs {
	return &Packs{dir: dir, sentences: s, log: log}
}

// follow checks the packs by other sentences.
func (p *Packs) follow(s *Sentences) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.sentences, p.looked, p.packs = s, time.Time{}, nil
	if g := p.given; g != nil {
		p.given = givenPack(g.given, g.ID, g.Version, s)
	}
}

// Give adds a pack that does not lie in the folder, in the place of the one that
// was given before; it goes before one of the folder that has its id. files are
// its own, and version changes with every change of them; nil files: none is
// given any more.
func (p *Packs) Give(id, version string, files fs.FS) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.given = nil
	if files != nil {
		p.given = givenPack(files, id, version, p.sentences)
		p.log.Info("voice pack was given", "pack", id, "usable", p.given.Usable, "sentences", len(p.given.Keys), "missing", len(p.given.Missing), "problems", len(p.given.Problems))
	}
}

func givenPack(files fs.FS, id, version string, s *Sentences) *Pack {
	pack := readPack(files, id, s)
	pack.Version, pack.given = version, files
	return pack
}

// List returns the packs by id, sound or not. They are shared and must not be
// changed.
func (p *Packs) List() []*Pack {
	p.mu.Lock()
	defer p.mu.Unlock()
	if now := time.Now(); now.Sub(p.looked) >= packsEvery {
		p.looked = now
		p.packs = p.read()
	}
	if p.given == nil {
		return p.packs
	}
	all := slices.DeleteFunc(slices.Clone(p.packs), func(o *Pack) bool { return o.ID == p.given.ID })
	n, _ := slices.BinarySearchFunc(all, p.given.ID, func(o *Pack, id string) int { return strings.Compare(o.ID, id) })
	return slices.Insert(all, n, p.given)
}

// Get returns a usable pack.
func (p *Packs) Get(id string) (*Pack, bool) {
	if id == "" {
		return nil, false
	}
	for _, pack := range p.List() {
		if pack.ID == id && pack.Usable {
			return pack, true
		}
	}
	return nil, false
}

// read looks at every folder; one that has not changed is not read again.
func (p *Packs) read() []*Pack {
	root, err := os.OpenRoot(p.dir)
	if err != nil {
		if !errors.Is(err, fs.ErrNotExist) {
			p.log.Warn("the folder of voice packs cannot be read", "error", err)
		}
		return nil
	}
	defer root.Close()
	entries, err := fs.ReadDir(root.FS(), ".")
	if err != nil {
		p.log.Warn("the folder of voice packs cannot be read", "error", err)
		return nil
	}
	var packs []*Pack
	for _, e := range entries {
		if !e.IsDir() || !packPattern.MatchString(e.Name()) || len(packs) == maxPacks {
			continue
		}
		version, err := signature(root, e.Name())
		n := slices.IndexFunc(p.packs, func(old *Pack) bool { return old.ID == e.Name() && old.Version == version })
		if err == nil && n >= 0 {
			packs = append(packs, p.packs[n])
			continue
		}
		pack := &Pack{ID: e.Name(), Keys: []string{}, Missing: []string{}}
		if err != nil {
			pack.refuse(err)
		} else if files, err := fs.Sub(root.FS(), e.Name()); err != nil {
			pack.refuse(err)
		} else {
			pack = readPack(files, e.Name(), p.sentences)
		}
		pack.Version = version
		p.log.Info("voice pack was read", "pack", pack.ID, "usable", pack.Usable, "sentences", len(pack.Keys), "missing", len(pack.Missing), "problems", len(pack.Problems))
		packs = append(packs, pack)
	}
	return packs
}

// signature is a hash of the names, sizes and times of a pack's files.
func signature(root *os.Root, id string) (string, error) {
	entries, err := fs.ReadDir(root.FS(), id)
	if err != nil {
		return "", err
	}
	if len(entries) > maxFiles {
		return "", fmt.Errorf("%d files, at most %d are allowed", len(entries), maxFiles)
	}
	sum := sha256.New()
	for _, e := range entries {
		info, err := e.Info()
		if err != nil {
			return "", err
		}
		fmt.Fprintf(sum, "%s\x00%d\x00%d\x00", e.Name(), info.Size(), info.ModTime().UnixNano())
	}
	return hex.EncodeToString(sum.Sum(nil))[:12], nil
}

// ReadPack reads the pack in a folder.
func ReadPack(dir string, s *Sentences) (*Pack, error) {
	root, err := os.OpenRoot(dir)
	if err != nil {
		return nil, err
	}
	defer root.Close()
	return readPack(root.FS(), filepath.Base(dir), s), nil
}

// readPack checks everything of a pack: what it says of itself, and that every
// file is a sound that it claims to be.
func readPack(files fs.FS, id string, s *Sentences) *Pack {
	p := &Pack{ID: id, Keys: []string{}, Missing: []string{}, Problems: []string{}, files: make(map[string]string)}
	if err := p.describe(files); err != nil {
		p.refuse(err)
		return p
	}
	entries, err := fs.ReadDir(files, ".")
	if err != nil {
		p.refuse(err)
		return p
	}
	if len(entries) > maxFiles {
		p.refuse(fmt.Errorf("%d files, at most %d are allowed", len(entries), maxFiles))
		return p
	}
	for _, e := range entries {
		if e.Name() == packFile || e.Name() == ListFile || strings.HasPrefix(e.Name(), ".") {
			continue
		}
		if err := p.take(files, e.Name(), s); err != nil {
			p.Problems = append(p.Problems, e.Name()+": "+err.Error())
		}
	}
	for _, key := range s.Keys {
		if p.files[key] == "" {
			p.Missing = append(p.Missing, key)
		} else {
			p.Keys = append(p.Keys, key)
		}
	}
	if len(p.Keys) == 0 {
		p.refuse(errors.New("it has no sentence of the taxonomy in force"))
		return p
	}
	p.Usable = true
	return p
}

func (p *Pack) refuse(err error) {
	p.Usable = false
	p.Problems = append(p.Problems, err.Error())
}

func (p *Pack) describe(files fs.FS) error {
	data, err := readFile(files, packFile, maxPackFile)
	if err != nil {
		return fmt.Errorf("%s: %w", packFile, err)
	}
	var about struct {
		Name     taxonomy.Name `yaml:"name"`
		Language string        `yaml:"language"`
		Licence  string        `yaml:"licence"`
	}
	d := yaml.NewDecoder(bytes.NewReader(data))
	d.KnownFields(true)
	if err := d.Decode(&about); err != nil {
		return fmt.Errorf("%s: %w", packFile, err)
	}
	switch {
	case about.Name.ZH == "" || about.Name.EN == "":
		return fmt.Errorf("%s: name needs zh and en", packFile)
	case !slices.Contains(station.Languages, about.Language):
		return fmt.Errorf("%s: language is %q, allowed are %q", packFile, about.Language, station.Languages)
	case about.Licence == "":
		return fmt.Errorf("%s: licence is missing", packFile)
	}
	p.Name, p.Language, p.Licence = about.Name, about.Language, about.Licence
	return nil
}

// mediaTypes are those of the endings that a recording may have.
var mediaTypes = map[string]string{".wav": "audio/wav", ".ogg": "audio/ogg", ".mp3": "audio/mpeg"}

// take checks one recording and adds it.
func (p *Pack) take(files fs.FS, name string, s *Sentences) error {
	ending := path.Ext(name)
	key := strings.TrimSuffix(name, ending)
	if mediaTypes[ending] == "" {
		return errors.New("it ends neither in .wav nor .ogg nor .mp3")
	}
	if _, ok := s.text[key]; !ok || !keyPattern.MatchString(key) {
		return errors.New("no sentence has this key")
	}
	if p.files[key] != "" {
		return errors.New("the sentence has another file already: " + p.files[key])
	}
	data, err := readFile(files, name, maxClip)
	if err != nil {
		return err
	}
	if !sounds(data, ending) {
		return errors.New("it is no " + strings.ToUpper(ending[1:]) + " file")
	}
	p.files[key] = name
	return nil
}

// sounds reports whether a file begins as one of its ending does.
func sounds(data []byte, ending string) bool {
	switch ending {
	case ".wav":
		return len(data) > wavHeader && string(data[:4]) == "RIFF" && string(data[8:12]) == "WAVE"
	case ".ogg":
		return bytes.HasPrefix(data, []byte("OggS"))
	}
	return bytes.HasPrefix(data, []byte("ID3")) || len(data) > 2 && data[0] == 0xff && data[1]&0xe0 == 0xe0
}

// readFile reads a regular file; what lies in the folder of packs is opened by
// os.Root, which refuses a link out of it.
func readFile(files fs.FS, name string, limit int64) ([]byte, error) {
	info, err := fs.Stat(files, name)
	if err != nil {
		return nil, err
	}
	if !info.Mode().IsRegular() {
		return nil, errors.New("it is no file")
	}
	f, err := files.Open(name)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	data, err := io.ReadAll(io.LimitReader(f, limit+1))
	if err == nil && int64(len(data)) > limit {
		err = fmt.Errorf("it is larger than %d bytes", limit)
	}
	return data, err
}

// sound reads a sentence of a pack; false where the pack is unknown, speaks
// another language or does not have it.
func (p *Packs) sound(id, key, language string) (Sound, bool) {
	pack, ok := p.Get(id)
	if !ok || pack.Language != language || pack.files[key] == "" {
		return Sound{}, false
	}
	ending := path.Ext(pack.files[key])
	data, err := p.fileOf(pack, pack.files[key])
	if err != nil || !sounds(data, ending) {
		p.log.Warn("a voice pack's file cannot be read", "pack", id, "file", pack.files[key], "error", err)
		return Sound{}, false
	}
	return Sound{data, mediaTypes[ending]}, true
}

// ReadFile reads a file of a usable pack; fs.ErrNotExist where there is no such
// pack.
func (p *Packs) ReadFile(id, name string) ([]byte, error) {
	pack, ok := p.Get(id)
	if !ok {
		return nil, fmt.Errorf("speech: pack %q: %w", id, fs.ErrNotExist)
	}
	return p.fileOf(pack, name)
}

func (p *Packs) fileOf(pack *Pack, name string) ([]byte, error) {
	if pack.given != nil {
		return readFile(pack.given, name, maxClip)
	}
	root, err := os.OpenRoot(p.dir)
	if err != nil {
		return nil, err
	}
	defer root.Close()
	return readFile(root.FS(), path.Join(pack.ID, name), maxClip)
}
