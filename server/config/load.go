package config

import (
	"errors"
	"fmt"
	"os"
	"regexp"
	"sort"
	"strings"
	"time"

	"github.com/go-viper/mapstructure/v2"
	"github.com/knadh/koanf/parsers/yaml"
	"github.com/knadh/koanf/providers/confmap"
	"github.com/knadh/koanf/providers/file"
	"github.com/knadh/koanf/providers/structs"
	"github.com/knadh/koanf/v2"
)

// envPrefix begins the name of every variable that is read.
const envPrefix = "BINSIDE_"

// notSettings are variables of that prefix which other parts read.
var notSettings = map[string]bool{"BINSIDE_CONFIG": true, "BINSIDE_FACES": true, "BINSIDE_ONNXRUNTIME": true, "BINSIDE_TOKEN": true, "BINSIDE_URL": true}

// serviceLink matches what Kubernetes puts into every pod's environment for each
// service, one that is called binside included.
var serviceLink = regexp.MustCompile(`^BINSIDE(_[A-Z0-9_]+)?_(SERVICE_HOST|SERVICE_PORT(_[A-Z0-9_]+)?|PORT|PORT_[0-9]+_(TCP|UDP|SCTP)(_(PROTO|PORT|ADDR))?)$`)

// Load merges the defaults, the YAML file at path (none where path is empty),
// the variables in environ ("NAME=value" as os.Environ gives them) and
// overrides (key → value, from flags), and validates the result. A key that
// does not exist is an error wherever it stands, so that a misspelt setting
// is never silently the default.
func Load(path string, environ []string, overrides map[string]string) (Config, error) {
	return LoadOver(Default(), path, environ, overrides)
}

// LoadOver is Load with other defaults.
func LoadOver(defaults Config, path string, environ []string, overrides map[string]string) (Config, error) {
	k := koanf.New(".")
	if err := k.Load(structs.Provider(defaults, "koanf"), nil); err != nil {
		return Config{}, fmt.Errorf("config: defaults: %w", err)
	}
	known := make(map[string]bool)
	for _, key := range k.Keys() {
		known[key] = true
	}
	if path != "" {
		if err := loadFile(k, path, known); err != nil {
			return Config{}, err
		}
	}
	fromEnv, err := environment(environ, known)
	if err != nil {
		return Config{}, err
	}
	if err := k.Load(confmap.Provider(fromEnv, "."), nil); err != nil {
		return Config{}, fmt.Errorf("config: environment: %w", err)
	}
	fromFlags := make(map[string]any, len(overrides))
	for key, value := range overrides {
		if !known[key] {
			return Config{}, fmt.Errorf("config: there is no setting %q%s", key, suggestion(key, known))
		}
		fromFlags[key] = value
	}
	if err := k.Load(confmap.Provider(fromFlags, "."), nil); err != nil {
		return Config{}, fmt.Errorf("config: flags: %w", err)
	}
	return decode(k)
}

func loadFile(k *koanf.Koanf, path string, known map[string]bool) error {
	if _, err := os.Stat(path); err != nil {
		return fmt.Errorf("config: %w", err)
	}
	own := koanf.New(".")
	if err := own.Load(file.Provider(path), yaml.Parser()); err != nil {
		return fmt.Errorf("config: %s: %w", path, err)
	}
	for _, key := range own.Keys() {
		if !known[key] {
			return fmt.Errorf("config: %s: there is no setting %q%s", path, key, suggestion(key, known))
		}
	}
	if err := k.Merge(own); err != nil {
		return fmt.Errorf("config: %s: %w", path, err)
	}
	return nil
}

func environment(environ []string, known map[string]bool) (map[string]any, error) {
	byName := make(map[string]string, len(known))
	for key := range known {
		byName[envPrefix+strings.ToUpper(strings.ReplaceAll(key, ".", "_"))] = key
	}
	out := make(map[string]any)
	for _, entry := range environ {
		name, value, _ := strings.Cut(entry, "=")
		if !strings.HasPrefix(name, envPrefix) || notSettings[name] || strings.HasPrefix(name, envPrefix+"TEST_") {
			continue
		}
		key, ok := byName[name]
		if !ok && serviceLink.MatchString(name) {
			continue
		}
		if !ok {
			return nil, fmt.Errorf("config: environment: there is no setting for %s", name)
		}
		out[key] = value
	}
	return out, nil
}

func decode(k *koanf.Koanf) (Config, error) {
	var c Config
	err := k.UnmarshalWithConf("", &c, koanf.UnmarshalConf{Tag: "koanf", DecoderConfig: &mapstructure.DecoderConfig{
		Result:           &c,
		TagName:          "koanf",
		WeaklyTypedInput: true,
		DecodeHook: mapstructure.ComposeDecodeHookFunc(
			mapstructure.StringToTimeDurationHookFunc(),
			mapstructure.TextUnmarshallerHookFunc(),
		),
	}})
	if err != nil {
		return Config{}, fmt.Errorf("config: %w", err)
	}
	return c, c.Validate()
}

// suggestion names the known key that shares the last part with a wrong one.
func suggestion(key string, known map[string]bool) string {
	last := key[strings.LastIndex(key, ".")+1:]
	var near []string
	for k := range known {
		if k[strings.LastIndex(k, ".")+1:] == last || strings.HasPrefix(k, key+".") {
			near = append(near, k)
		}
	}
	if len(near) == 0 {
		return ""
	}
	sort.Strings(near)
	return "; did you mean " + strings.Join(near, ", ") + "?"
}

// FieldError says which setting has which value and what is allowed.
type FieldError struct {
	Field   string
	Value   any
	Allowed string
}

func (e *FieldError) Error() string {
	return fmt.Sprintf("config: %s is %q; allowed: %s", e.Field, fmt.Sprint(e.Value), e.Allowed)
}

// checks collects every wrong field, so that one start shows them all.
type checks struct{ errs []error }

func (c *checks) that(ok bool, field string, value any, allowed string) {
	if !ok {
		c.errs = append(c.errs, &FieldError{Field: field, Value: value, Allowed: allowed})
	}
}

func (c *checks) oneOf(field, value string, allowed ...string) {
	for _, a := range allowed {
		if value == a {
			return
		}
	}
	c.that(false, field, value, strings.Join(allowed, ", "))
}

func (c *checks) between(field string, value, low, high float64) {
	c.that(value >= low && value <= high, field, value, fmt.Sprintf("a number from %g to %g", low, high))
}

func (c *checks) atLeast(field string, value, low time.Duration) {
	c.that(value >= low, field, value, fmt.Sprintf("a duration of at least %s, such as 30s or 720h", low))
}

func (c *checks) err() error { return errors.Join(c.errs...) }
