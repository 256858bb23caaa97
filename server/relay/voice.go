package relay

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"regexp"
)

// Voice is the voice pack that a station's screen speaks with.
type Voice struct {
	ID string `json:"id"`
	// Files are those of the pack's folder, at most MaxVoiceFiles, sorted by
	// name.
	Files []File `json:"files"`
}

// Bounds of a pack that travels: how many files it may have, how large one of
// them and all of them may be, in bytes. A hundred sentences as uncompressed
// stereo of 48 kHz are 60 MB.
const (
	MaxVoiceFiles = 1001
	MaxVoiceFile  = 2 << 20
	MaxVoice      = 128 << 20
)

var (
	voiceRule     = regexp.MustCompile(`^[a-z0-9][a-z0-9-]{0,62}$`)
	voiceFileRule = regexp.MustCompile(`^(pack\.yaml|[a-z0-9][a-z0-9_-]{0,99}\.(wav|ogg|mp3))$`)
)

// Version names the pack's content; that of no pack is empty.
func (v *Voice) Version() string {
	if v == nil {
		return ""
	}
	sum := sha256.New()
	fmt.Fprintf(sum, "%s\n", v.ID)
	for _, f := range v.Files {
		fmt.Fprintf(sum, "%s %s\n", f.Name, f.SHA256)
	}
	return hex.EncodeToString(sum.Sum(nil))[:12]
}

// Validate says what keeps the pack from being fetched; nil is no pack, and
// valid.
func (v *Voice) Validate() error {
	if v == nil {
		return nil
	}
	if !voiceRule.MatchString(v.ID) || len(v.Files) == 0 || len(v.Files) > MaxVoiceFiles {
		return fmt.Errorf("relay: voice pack %.64q of %d files", v.ID, len(v.Files))
	}
	var total int64
	for n, f := range v.Files {
		if !voiceFileRule.MatchString(f.Name) || !IsDigest(f.SHA256) || f.Bytes <= 0 || f.Bytes > MaxVoiceFile ||
			n > 0 && v.Files[n-1].Name >= f.Name {
			return fmt.Errorf("relay: voice pack %q: file %.64q of %d bytes", v.ID, f.Name, f.Bytes)
		}
		total += f.Bytes
	}
	if total > MaxVoice {
		return fmt.Errorf("relay: voice pack %q of %d bytes, allowed are %d", v.ID, total, MaxVoice)
	}
	return nil
}
