package models

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"math"
	"os"
	"regexp"
	"slices"
)

// The two files of a model's folder.
const (
	ModelFile = "model.onnx"
	CardFile  = "card.json"
)

const (
	// maxModel and maxCard bound the files, in bytes.
	maxModel = 1 << 30
	maxCard  = 1 << 20
	// stride is what input sides must be a multiple of: networks of this
	// family halve their input five times, and sides that do not divide are
	// padded differently by different runtimes.
	stride  = 32
	maxSide = 2048
)

// Folder is a model as it lies in a folder: its card, checked, and the bytes
// of the network that the card describes.
type Folder struct {
	Card  *Card
	Model []byte
}

// LoadDir reads and checks the model folder dir.
func LoadDir(dir string) (*Folder, error) {
	f, err := Load(os.DirFS(dir))
	if err != nil {
		return nil, fmt.Errorf("%s: %w", dir, err)
	}
	return f, nil
}

// Load reads ModelFile and CardFile at the root of fsys and checks the card,
// and that the network is the one that the card describes.
func Load(fsys fs.FS) (*Folder, error) {
	data, err := readFile(fsys, CardFile, maxCard)
	if err != nil {
		return nil, err
	}
	card, err := ParseCard(data)
	if err != nil {
		return nil, err
	}
	model, err := readFile(fsys, ModelFile, maxModel)
	if err != nil {
		return nil, err
	}
	sum := sha256.Sum256(model)
	if got := hex.EncodeToString(sum[:]); got != card.SHA256 {
		return nil, fmt.Errorf("models: %s: sha256 is %q, but the digest of %s is %q", CardFile, card.SHA256, ModelFile, got)
	}
	return &Folder{Card: card, Model: model}, nil
}

func readFile(fsys fs.FS, name string, limit int64) ([]byte, error) {
	f, err := fsys.Open(name)
	if err != nil {
		return nil, fmt.Errorf("models: %w", err)
	}
	defer func() { _ = f.Close() }() // only read from
	data, err := io.ReadAll(io.LimitReader(f, limit+1))
	if err != nil {
		return nil, fmt.Errorf("models: %w", err)
	}
	if int64(len(data)) > limit {
		return nil, fmt.Errorf("models: %s is longer than %d bytes", name, limit)
	}
	return data, nil
}

// ParseCard reads a card.json and checks it. Keys that a card does not have
// are an error, so that a misspelt one is not silently ignored.
func ParseCard(data []byte) (*Card, error) {
	dec := json.NewDecoder(bytes.NewReader(data))
	dec.DisallowUnknownFields()
	card := new(Card)
	if err := dec.Decode(card); err != nil {
		return nil, fmt.Errorf("models: %s: %w", CardFile, err)
	}
	if err := card.Validate(); err != nil {
		return nil, fmt.Errorf("models: %s: %w", CardFile, err)
	}
	return card, nil
}

var (
	versionRule = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9._+-]{0,99}$`)
	digestRule  = regexp.MustCompile(`^[0-9a-f]{64}$`)
	classRule   = regexp.MustCompile(`^[a-z][a-z0-9]*([_-][a-z0-9]+)*$`)
)

// Validate checks every field and returns all that is wrong, each error
// naming the field as it is called in card.json, its value and what is
// allowed.
func (c *Card) Validate() error {
	errs := new(fieldErrors)
	errs.check(versionRule.MatchString(c.Version), "version", c.Version, "1 to 100 letters, digits and . _ + -")
	c.validateClasses(errs)
	c.Input.validate(errs)
	errs.check(c.Output.Logits != "", "output.logits", c.Output.Logits, "the name of an output")
	errs.check(c.Output.Logits == "" || c.Output.Logits != c.Output.Embedding, "output.embedding", c.Output.Embedding, "another output than the logits, or none")
	errs.check(c.Output.Strangeness == "" || (c.Output.Strangeness != c.Output.Logits && c.Output.Strangeness != c.Output.Embedding),
		"output.strangeness", c.Output.Strangeness, "another output than the logits and the embedding, or none")
	errs.check(c.Temperature > 0 && !math.IsInf(c.Temperature, 0), "temperature", c.Temperature, "a finite number above 0")
	errs.check(len(c.Metrics) > 0, "metrics", c.Metrics, "at least one figure")
	errs.check(digestRule.MatchString(c.Data.Digest), "data.digest", c.Data.Digest, "64 lower-case hex digits")
	errs.check(len(c.Data.Sources) > 0, "data.sources", c.Data.Sources, "at least one source")
	errs.check(c.Data.Train > 0, "data.train", c.Data.Train, "a number above 0")
	errs.check(c.Data.Val >= 0, "data.val", c.Data.Val, "a number from 0 on")
	errs.check(digestRule.MatchString(c.SHA256), "sha256", c.SHA256, "64 lower-case hex digits")
	errs.check(c.Licence != "", "licence", c.Licence, "a text")
	return errors.Join(errs.all...)
}

func (c *Card) validateClasses(errs *fieldErrors) {
	errs.check(len(c.Classes) >= 2 && len(c.Classes) <= 1000, "classes", len(c.Classes), "2 to 1000 classes")
	for i, class := range c.Classes {
		field := fmt.Sprintf("classes[%d]", i)
		errs.check(classRule.MatchString(class), field, class, "lower-case letters and digits joined by _ or -")
		errs.check(slices.Index(c.Classes, class) == i, field, class, "a class that is not named twice")
	}
}

func (in Input) validate(errs *fieldErrors) {
	errs.check(in.Name != "", "input.name", in.Name, "the name of the input")
	side := func(field string, v int) {
		errs.check(v >= stride && v <= maxSide && v%stride == 0, field, v, fmt.Sprintf("a multiple of %d up to %d", stride, maxSide))
	}
	side("input.width", in.Width)
	side("input.height", in.Height)
	errs.check(slices.Contains([]string{"rgb", "bgr"}, in.Colour), "input.colour", in.Colour, `"rgb" or "bgr"`)
	errs.check(slices.Contains([]string{"stretch", "letterbox", "cover"}, in.Resize), "input.resize", in.Resize, `"stretch", "letterbox" or "cover"`)
	for i := range 3 {
		m, d := in.Mean[i], in.Deviation[i]
		errs.check(!math.IsNaN(m) && !math.IsInf(m, 0), fmt.Sprintf("input.mean[%d]", i), m, "a finite number")
		errs.check(d > 0 && !math.IsInf(d, 0), fmt.Sprintf("input.deviation[%d]", i), d, "a finite number above 0")
	}
}

// CheckClasses compares the card with a taxonomy: category says which
// category a class has. A class without one could never be judged, so a
// service refuses such a pair at start.
func (c *Card) CheckClasses(category func(class string) (string, bool)) error {
	var unknown []string
	for _, class := range c.Classes {
		if _, ok := category(class); !ok {
			unknown = append(unknown, class)
		}
	}
	if len(unknown) > 0 {
		return fmt.Errorf("models: %s: classes %q have no category in the taxonomy", c.Version, unknown)
	}
	return nil
}

type fieldErrors struct{ all []error }

func (e *fieldErrors) check(ok bool, field string, value any, allowed string) {
	if ok {
		return
	}
	if s, is := value.(string); is {
		value = fmt.Sprintf("%q", s)
	}
	e.all = append(e.all, fmt.Errorf("%s is %v, allowed is %s", field, value, allowed))
}
