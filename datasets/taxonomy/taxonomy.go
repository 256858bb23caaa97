package taxonomy

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"regexp"
	"slices"
	"strings"
	"time"

	"go.yaml.in/yaml/v3"
)

// maxFile bounds a taxonomy file, in bytes: yaml aliases and a wrong path
// (a video, a device) must not fill the memory.
const maxFile = 1 << 20

// Name is what people read, in the two languages of the product.
type Name struct {
	ZH string `yaml:"zh" json:"zh"`
	EN string `yaml:"en" json:"en"`
}

// In returns the name in a language by its tag ("zh", "zh-CN", "en", …);
// English where the tag is none of ours.
func (n Name) In(lang string) string {
	if len(lang) >= 2 && lang[:2] == "zh" {
		return n.ZH
	}
	return n.EN
}

// Colour is a category's colour: what people call it and how a screen shows
// it.
type Colour struct {
	Name Name `yaml:"name" json:"name"`
	// Hex is "#RRGGBB" in sRGB.
	Hex string `yaml:"hex" json:"hex"`
}

// Category is where an item belongs.
type Category struct {
	ID     string `yaml:"id" json:"id"`
	Name   Name   `yaml:"name" json:"name"`
	Colour Colour `yaml:"colour" json:"colour"`
	// Alternatives are other colours that the rule leaves to the site; see
	// WithColours.
	Alternatives []Colour `yaml:"alternatives,omitempty" json:"alternatives,omitempty"`
	// Predicate is what advice says of an item of the category; see Advice.
	Predicate Name `yaml:"predicate,omitempty" json:"-"`
	// NoBin is set where the category belongs in no bin at a station, and
	// says what to do with it instead. Every bin is then the wrong one.
	NoBin *Name `yaml:"no_bin,omitempty" json:"no_bin,omitempty"`
}

// Class is an item class and its category.
type Class struct {
	ID   string `yaml:"id" json:"id"`
	Name Name   `yaml:"name" json:"name"`
	// Plural begins an English sentence with "are"; where it is empty, the
	// name does with "is".
	Plural   string `yaml:"plural,omitempty" json:"-"`
	Category string `yaml:"category" json:"category"`
	// Advice replaces the composed line; see Advice. Nil for the composed one.
	Advice *Name `yaml:"advice,omitempty" json:"-"`
}

// Taxonomy is one dated table. A Taxonomy from Load, Parse or Default has
// been validated and is read only from then on, so it may be shared between
// goroutines; Categories and Classes keep the file's order.
type Taxonomy struct {
	ID string `yaml:"id" json:"id"`
	// Version changes with every change of the table; inspections record it.
	Version string `yaml:"version" json:"version"`
	// Jurisdiction is where the rules hold: an ISO 3166-1 or 3166-2 code such
	// as "CN" or "CN-ZJ".
	Jurisdiction string `yaml:"jurisdiction" json:"jurisdiction"`
	// Standard names the rule that the table follows.
	Standard string `yaml:"standard" json:"standard"`
	// Effective is the first day on which that rule holds, "2019-12-01".
	Effective  string     `yaml:"effective" json:"effective"`
	Name       Name       `yaml:"name" json:"name"`
	Categories []Category `yaml:"categories" json:"categories"`
	// Steps are the rounds of sorting in their order, at least one: a table
	// that names none has one step with a stream for every category that has a
	// bin.
	Steps   []Step  `yaml:"steps,omitempty" json:"steps"`
	Classes []Class `yaml:"classes" json:"classes"`
	Harm    Harm    `yaml:"harm" json:"harm"`

	categories map[string]int
	classes    map[string]int
}

// Load reads and validates a taxonomy file.
func Load(path string) (*Taxonomy, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, fmt.Errorf("taxonomy: %w", err)
	}
	defer func() { _ = f.Close() }() // only read from
	t, err := Parse(f)
	if err != nil {
		return nil, fmt.Errorf("taxonomy: %s: %w", path, err)
	}
	return t, nil
}

// Parse reads and validates a taxonomy in YAML; a key that the table does not
// know is an error, so that a misspelt one is not silently ignored.
func Parse(r io.Reader) (*Taxonomy, error) {
	data, err := io.ReadAll(io.LimitReader(r, maxFile+1))
	if err != nil {
		return nil, err
	}
	if len(data) > maxFile {
		return nil, fmt.Errorf("longer than %d bytes", maxFile)
	}
	dec := yaml.NewDecoder(bytes.NewReader(data))
	dec.KnownFields(true)
	t := new(Taxonomy)
	if err := dec.Decode(t); err != nil {
		if errors.Is(err, io.EOF) {
			err = errors.New("the file is empty")
		}
		return nil, err
	}
	if err := t.Validate(); err != nil {
		return nil, err
	}
	if len(t.Steps) == 0 {
		t.Steps = []Step{t.oneStep()}
	}
	for i := range t.Steps {
		if t.Steps[i].Container == (Name{}) {
			t.Steps[i].Container = bin
		}
	}
	t.index()
	return t, nil
}

func (t *Taxonomy) index() {
	t.categories = make(map[string]int, len(t.Categories))
	for i, c := range t.Categories {
		t.categories[c.ID] = i
	}
	t.classes = make(map[string]int, len(t.Classes))
	for i, c := range t.Classes {
		t.classes[c.ID] = i
	}
}

// Ref names the table and its version in one word, "urban-four@2026.11.2";
// inspections record it.
func (t *Taxonomy) Ref() string { return t.ID + "@" + t.Version }

// CategoryOf returns the category of an item class; false where the table
// does not name the class.
func (t *Taxonomy) CategoryOf(class string) (string, bool) {
	i, ok := t.classes[class]
	if !ok {
		return "", false
	}
	return t.Classes[i].Category, true
}

// Category returns a category by its id.
func (t *Taxonomy) Category(id string) (Category, bool) {
	i, ok := t.categories[id]
	if !ok {
		return Category{}, false
	}
	return t.Categories[i], true
}

// Class returns an item class by its id.
func (t *Taxonomy) Class(id string) (Class, bool) {
	i, ok := t.classes[id]
	if !ok {
		return Class{}, false
	}
	return t.Classes[i], true
}

// CategoryIDs lists the categories' ids in the table's order.
func (t *Taxonomy) CategoryIDs() []string {
	ids := make([]string, len(t.Categories))
	for i, c := range t.Categories {
		ids[i] = c.ID
	}
	return ids
}

// Unknown lists those of the given item classes that the table does not name,
// for the check of a model against the table when both are loaded.
func (t *Taxonomy) Unknown(classes []string) []string {
	var unknown []string
	for _, c := range classes {
		if _, ok := t.classes[c]; !ok {
			unknown = append(unknown, c)
		}
	}
	return unknown
}

// Lacks lists those of the given categories that the table does not have: a
// bin that accepts one of them was set up for another table.
func (t *Taxonomy) Lacks(categories []string) []string {
	var lacks []string
	for _, c := range categories {
		if _, ok := t.categories[c]; !ok {
			lacks = append(lacks, c)
		}
	}
	return lacks
}

var (
	idRule  = regexp.MustCompile(`^[a-z][a-z0-9]*([_-][a-z0-9]+)*$`)
	hexRule = regexp.MustCompile(`^#[0-9A-Fa-f]{6}$`)
)

const (
	idAllowed = "lower-case letters and digits joined by _ or -, at most 64"
	maxID     = 64
)

// Validate checks every field and returns all that is wrong, each error
// naming the field, its value and what is allowed.
func (t *Taxonomy) Validate() error {
	v := new(violations)
	v.id("id", t.ID)
	v.filled("version", t.Version)
	v.filled("jurisdiction", t.Jurisdiction)
	v.filled("standard", t.Standard)
	if _, err := time.Parse(time.DateOnly, t.Effective); err != nil {
		v.add("effective", t.Effective, "a day as YYYY-MM-DD")
	}
	v.name("name", t.Name)
	t.validateCategories(v)
	t.validateClasses(v)
	ids := make(map[string]bool, len(t.Steps))
	for i := range t.Steps {
		field := fmt.Sprintf("steps[%d]", i)
		v.unique(field+".id", t.Steps[i].ID, ids)
		t.Steps[i].validate(v, field, t.Categories)
	}
	t.Harm.validate(v, t.CategoryIDs())
	return errors.Join(v.errs...)
}

func (t *Taxonomy) validateCategories(v *violations) {
	if len(t.Categories) < 2 {
		v.add("categories", len(t.Categories), "at least 2 categories")
	}
	seen := make(map[string]bool, len(t.Categories))
	binless := 0
	for i, c := range t.Categories {
		field := fmt.Sprintf("categories[%d]", i)
		v.id(field+".id", c.ID)
		v.unique(field+".id", c.ID, seen)
		v.name(field+".name", c.Name)
		v.colours(field, c.Colour, c.Alternatives)
		v.optional(field+".predicate", c.Predicate)
		if c.NoBin != nil {
			binless++
			v.name(field+".no_bin", *c.NoBin)
		}
	}
	if binless > 0 && binless == len(t.Categories) {
		v.add("categories", "no_bin everywhere", "at least 1 category with a bin")
	}
}

func (t *Taxonomy) validateClasses(v *violations) {
	if len(t.Classes) == 0 {
		v.add("classes", 0, "at least 1 class")
	}
	categories := t.CategoryIDs()
	seen := make(map[string]bool, len(t.Classes))
	for i, c := range t.Classes {
		field := fmt.Sprintf("classes[%d]", i)
		v.id(field+".id", c.ID)
		v.unique(field+".id", c.ID, seen)
		v.name(field+".name", c.Name)
		if !slices.Contains(categories, c.Category) {
			v.add(field+".category", c.Category, fmt.Sprintf("one of %q", categories))
		}
		if c.Advice != nil {
			v.advice(field+".advice", *c.Advice)
		}
	}
}

type violations struct{ errs []error }

func (v *violations) add(field string, value any, allowed string) {
	if s, ok := value.(string); ok {
		value = fmt.Sprintf("%q", s)
	}
	v.errs = append(v.errs, fmt.Errorf("%s is %v, allowed is %s", field, value, allowed))
}

func (v *violations) filled(field, value string) {
	if value == "" || len(value) > 200 {
		v.add(field, value, "a text of 1 to 200 bytes")
	}
}

func (v *violations) id(field, value string) {
	if len(value) > maxID || !idRule.MatchString(value) {
		v.add(field, value, idAllowed)
	}
}

func (v *violations) unique(field, value string, seen map[string]bool) {
	if seen[value] {
		v.add(field, value, "an id that is not used twice")
	}
	seen[value] = true
}

func (v *violations) name(field string, n Name) {
	v.filled(field+".zh", n.ZH)
	v.filled(field+".en", n.EN)
}

// optional wants both languages or neither.
func (v *violations) optional(field string, n Name) {
	if n != (Name{}) {
		v.name(field, n)
	}
}

func (v *violations) colours(field string, c Colour, alternatives []Colour) {
	seen := make(map[string]bool)
	for i, c := range append([]Colour{c}, alternatives...) {
		field := field + ".colour"
		if i > 0 {
			field = fmt.Sprintf("%s.alternatives[%d]", strings.TrimSuffix(field, ".colour"), i-1)
		}
		v.name(field+".name", c.Name)
		if !hexRule.MatchString(c.Hex) {
			v.add(field+".hex", c.Hex, "a colour as #RRGGBB")
		}
		v.unique(field+".name.en", strings.ToLower(c.Name.EN), seen)
	}
}
