package speech

import (
	"crypto/sha256"
	"encoding/hex"
	"regexp"
	"strings"

	"github.com/binside/binside/datasets/taxonomy"
)

// Sentences are all that a screen says, by key.
type Sentences struct {
	// Keys are in the order of the taxonomy.
	Keys []string
	// Version changes with every change of a sentence.
	Version string

	text map[string]taxonomy.Name
}

// Removed is the phrase that is said of an item that was taken out of the wrong
// bin; {category} in it stands for the name of the category.
const Removed = "removed"

// NewSentences makes the sentences of a taxonomy and the page's phrases.
func NewSentences(t *taxonomy.Taxonomy, phrases map[string]taxonomy.Name) *Sentences {
	s := &Sentences{text: make(map[string]taxonomy.Name)}
	add := func(key string, text taxonomy.Name) {
		s.Keys = append(s.Keys, key)
		s.text[key] = text
	}
	for _, name := range sorted(phrases) {
		if name != Removed {
			add(name, phrases[name])
		}
	}
	for _, c := range t.Categories {
		add("category-"+c.ID, c.Name)
		line := phrases[Removed]
		add(Removed+"-"+c.ID, taxonomy.Name{
			ZH: strings.ReplaceAll(line.ZH, "{category}", c.Name.ZH), EN: strings.ReplaceAll(line.EN, "{category}", c.Name.EN),
		})
	}
	for _, c := range t.Classes {
		add("class-"+c.ID, taxonomy.Name{ZH: t.Advice(c.ID, "zh-CN"), EN: t.Advice(c.ID, "en")})
	}
	sum := sha256.New()
	for _, key := range s.Keys {
		sum.Write([]byte(key + "\x00" + s.text[key].ZH + "\x00" + s.text[key].EN + "\x00"))
	}
	s.Version = hex.EncodeToString(sum.Sum(nil))[:12]
	return s
}

// Text is the sentence of a key in a language; false: there is no such key.
func (s *Sentences) Text(key, language string) (string, bool) {
	text, ok := s.text[key]
	return text.In(language), ok
}

// keyPattern is what a key looks like, and so a file of a pack without its
// ending.
var keyPattern = regexp.MustCompile(`^[a-z0-9][a-z0-9_-]{0,99}$`)
