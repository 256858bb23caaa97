package main

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"
	"go.yaml.in/yaml/v3"

	"github.com/binside/binside/datasets/taxonomy"
	"github.com/binside/binside/server/config"
	"github.com/binside/binside/server/speech"
	"github.com/binside/binside/server/station"
	"github.com/binside/binside/server/web"
)

// configuredSentences are what a screen says under a configuration.
func configuredSentences(cfg config.Config) (*speech.Sentences, error) {
	tax, err := taxonomy.Open(cfg.Taxonomy, cfg.TaxonomyColours)
	if err != nil {
		return nil, err
	}
	return sentencesOf(tax)
}

// sentencesOf are what a screen says by a taxonomy.
func sentencesOf(tax *taxonomy.Taxonomy) (*speech.Sentences, error) {
	phrases, err := web.Phrases()
	if err != nil {
		return nil, err
	}
	return speech.NewSentences(tax, phrases), nil
}

func newVoices() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "voices",
		Short: "Make and check voice packs for the screens at the bins",
		Long: `Make and check voice packs for the screens at the bins.

A pack is a folder in the data folder's voices (screen.voices) with a pack.yaml
and one recording a sentence. It can be chosen for a station as soon as it lies
there.`,
	}
	cmd.AddCommand(newVoicesRender(), newVoicesCheck())
	return cmd
}

func newVoicesRender() *cobra.Command {
	var set settings
	var language, out string
	cmd := &cobra.Command{
		Use:   "render --out DIR",
		Short: "Make a complete voice pack by espeak-ng, for a speaker to replace file by file",
		Long: `Make a complete voice pack by espeak-ng, for a speaker to replace file by file.

sentences.tsv beside the recordings says what each of them says. Recordings that
are there already are left alone, so that a new item class can be added to a
speaker's pack.`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			cfg, err := set.load(nil)
			if err != nil {
				return err
			}
			s, err := configuredSentences(cfg)
			if err != nil {
				return err
			}
			return renderPack(cmd, s, language, out)
		},
	}
	set.register(cmd)
	set.registerTaxonomy(cmd)
	cmd.Flags().StringVar(&language, "language", station.Chinese, strings.Join(station.Languages, " or "))
	cmd.Flags().StringVar(&out, "out", "", "the pack's folder")
	_ = cmd.MarkFlagRequired("out")
	return cmd
}

func renderPack(cmd *cobra.Command, s *speech.Sentences, language, out string) error {
	if err := os.MkdirAll(out, 0o755); err != nil { //nolint:gosec // for others to read
		return err
	}
	root, err := os.OpenRoot(out)
	if err != nil {
		return err
	}
	defer root.Close()
	about, err := yaml.Marshal(map[string]any{
		"name": map[string]string{"zh": filepath.Base(out), "en": filepath.Base(out)}, "language": language,
		"licence": "rendered by espeak-ng; name the speaker's licence here",
	})
	if err != nil {
		return err
	}
	if err := writeNew(root, "pack.yaml", about); err != nil {
		return err
	}
	var list strings.Builder
	made := 0
	for _, key := range s.Keys {
		text, _ := s.Text(key, language)
		fmt.Fprintf(&list, "%s\t%s\n", key, text)
		if spoken(root, key) {
			continue
		}
		sound, err := speech.Render(cmd.Context(), text, language)
		if err != nil {
			return err
		}
		if err := writeNew(root, key+".wav", sound); err != nil {
			return err
		}
		made++
	}
	if err := root.WriteFile(speech.ListFile, []byte(list.String()), 0o644); err != nil {
		return err
	}
	_, err = fmt.Fprintf(cmd.OutOrStdout(), "%d recordings made, %d were there; what they say is in %s\n", made, len(s.Keys)-made, filepath.Join(out, speech.ListFile))
	return err
}

// spoken reports whether a sentence has a recording already.
func spoken(root *os.Root, key string) bool {
	for _, ending := range []string{".wav", ".ogg", ".mp3"} {
		if _, err := root.Stat(key + ending); err == nil {
			return true
		}
	}
	return false
}

// writeNew writes a file unless it is there.
func writeNew(root *os.Root, name string, data []byte) error {
	f, err := root.OpenFile(name, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o644)
	if errors.Is(err, os.ErrExist) {
		return nil
	}
	if err != nil {
		return err
	}
	_, err = f.Write(data)
	return errors.Join(err, f.Close())
}

func newVoicesCheck() *cobra.Command {
	var set settings
	cmd := &cobra.Command{
		Use:   "check DIR",
		Short: "Say what is wrong with a voice pack, and which sentences it lacks",
		Args:  cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			cfg, err := set.load(nil)
			if err != nil {
				return err
			}
			s, err := configuredSentences(cfg)
			if err != nil {
				return err
			}
			pack, err := speech.ReadPack(args[0], s)
			if err != nil {
				return err
			}
			out := cmd.OutOrStdout()
			for _, p := range pack.Problems {
				if _, err := fmt.Fprintln(out, p); err != nil {
					return err
				}
			}
			if _, err := fmt.Fprintf(out, "%d of %d sentences; missing: %s\n", len(pack.Keys), len(s.Keys), strings.Join(pack.Missing, " ")); err != nil {
				return err
			}
			if !pack.Usable || len(pack.Problems) > 0 {
				return errors.New("the pack has problems")
			}
			return nil
		},
	}
	set.register(cmd)
	set.registerTaxonomy(cmd)
	return cmd
}
