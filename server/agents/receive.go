package agents

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/google/uuid"

	"github.com/binside/binside/models/verdict"
	"github.com/binside/binside/server/inspection"
	"github.com/binside/binside/server/relay"
	"github.com/binside/binside/server/store"
	"github.com/binside/binside/vision/codec"
)

var (
	// ErrRecord says what is wrong with a record.
	ErrRecord = errors.New("agents: the record is not valid")
	// ErrPictures says that a record that is not stored here came without its
	// pictures.
	ErrPictures = errors.New("agents: the record is new here, and pictures of it are missing")
)

// Receive stores an inspection that a station's agent decided, with its
// pictures by ordinal. When it returns without error the record is on disk;
// the same record may come any number of times and is stored once. Of one that
// is known only a later revision's prompt is taken, and no picture is looked
// at. Errors beside the stores' own: ErrRecord, ErrPictures, store.ErrConflict
// where the id is stored with another content, *codec.Error.
func (s *Service) Receive(ctx context.Context, stationID string, r *relay.Record, pictures map[int][]byte) error {
	outcome, err := s.receive(ctx, stationID, r, pictures)
	s.taken.WithLabelValues(outcome).Inc()
	return err
}

func (s *Service) receive(ctx context.Context, stationID string, r *relay.Record, pictures map[int][]byte) (outcome string, err error) {
	if err := s.check(ctx, stationID, r); err != nil {
		return "refused", err
	}
	digest, err := r.Digest()
	if err != nil {
		return "refused", fmt.Errorf("%w: %w", ErrRecord, err)
	}
	known, err := s.deps.Store.GetRelayed(ctx, r.Inspection.ID)
	switch {
	case err != nil && !errors.Is(err, store.ErrNotFound):
		return "refused", err
	case err == nil && (known.Digest != digest || known.StationID != stationID):
		return "refused", fmt.Errorf("agents: %w: %s is stored with another content", store.ErrConflict, r.Inspection.ID)
	case err == nil && known.Revision >= r.Revision:
		return "known", nil
	}
	i := r.Corrected()
	i.Relay = &inspection.Relay{HandedAt: s.cfg.Now().UTC().Truncate(time.Microsecond), ClockOffset: r.ClockOffset}
	for n := range i.Evidence {
		// What the station deleted stands in the station's own log, by its clock.
		if gone := &i.Evidence[n]; gone.DeletedAt != nil && gone.DeletedAt.After(i.Relay.HandedAt) {
			gone.DeletedAt = &i.Relay.HandedAt
		}
	}
	if err != nil {
		if err := s.keep(ctx, r, i, pictures); err != nil {
			return "refused", err
		}
	}
	created, changed, err := s.deps.Store.SaveRelayed(ctx, i, digest, r.Revision)
	// Said once of every prompt: known is as it was before this revision.
	if (created || changed) && !known.Shown && i.Prompt != nil && i.Prompt.ShownAt != nil {
		s.deps.Shown(i)
	}
	switch {
	case err != nil:
		return "refused", err
	case created:
		s.deps.Stored(i)
		return "stored", nil
	case changed:
		return "changed", s.changed(ctx, i.ID)
	}
	return "known", nil
}

// changed tells of an inspection as it is stored: with the reviews that it has
// had meanwhile.
func (s *Service) changed(ctx context.Context, id string) error {
	i, err := s.deps.Store.GetInspection(ctx, id)
	if err == nil {
		s.deps.Changed(i)
	}
	return err
}

// keep checks the pictures that the record says to be there, all of them
// before the first is stored, and names them in i as they are stored here.
func (s *Service) keep(ctx context.Context, r *relay.Record, i *inspection.Inspection, pictures map[int][]byte) error {
	for _, e := range i.Evidence {
		if e.DeletedAt != nil {
			continue
		}
		data, ok := pictures[e.Ordinal]
		if !ok {
			return fmt.Errorf("%w: number %d", ErrPictures, e.Ordinal)
		}
		if err := s.checkPicture(ctx, &e, data); err != nil {
			return err
		}
	}
	day := r.Inspection.CapturedAt.UTC().Format("2006/01/02")
	for n := range i.Evidence {
		e := &i.Evidence[n]
		e.Key = fmt.Sprintf("evidence/%s/%s/%s-%d.jpg", i.StationID, day, i.ID, e.Ordinal)
		// How long it is kept is the server's to say.
		e.ExpiresAt = i.DecidedAt.Add(s.cfg.Settings.Retention[i.Verdict])
		if e.DeletedAt != nil {
			continue
		}
		if err := s.deps.Objects.Put(ctx, e.Key, pictures[e.Ordinal], "image/jpeg"); err != nil {
			return err
		}
	}
	return nil
}

func (s *Service) checkPicture(ctx context.Context, e *inspection.Evidence, data []byte) error {
	sum := sha256.Sum256(data)
	if hex.EncodeToString(sum[:]) != e.SHA256 || len(data) != e.Bytes {
		return fmt.Errorf("%w: picture %d is not the one that the record names", ErrRecord, e.Ordinal)
	}
	if err := codec.CheckDeclared("image/jpeg", data); err != nil {
		return err
	}
	img, _, err := s.cfg.Reader.Decode(ctx, data, codec.Options{})
	if err != nil {
		return err
	}
	// An agent writes pictures without metadata: other ones are not an agent's.
	if bare, err := codec.StripJPEG(data); err != nil || !bytes.Equal(bare, data) {
		return fmt.Errorf("%w: picture %d holds more than a picture", ErrRecord, e.Ordinal)
	}
	defer codec.Recycle(img)
	if img.Width != e.Width || img.Height != e.Height {
		return fmt.Errorf("%w: picture %d is %d × %d pixels, not %d × %d", ErrRecord, e.Ordinal, img.Width, img.Height, e.Width, e.Height)
	}
	return nil
}

// What a record may hold at most.
const (
	maxWord    = 100
	maxEntries = 1024
	// ahead is how far in the future a corrected time may lie.
	ahead = 5 * time.Minute
)

// earliest is before there was any agent.
var earliest = time.Date(2025, 1, 1, 0, 0, 0, 0, time.UTC)

// check says what keeps a record from being stored for the station.
func (s *Service) check(ctx context.Context, stationID string, r *relay.Record) error {
	i := &r.Inspection
	wrong := func(format string, args ...any) error {
		return fmt.Errorf("%w: "+format, append([]any{ErrRecord}, args...)...)
	}
	if id, err := uuid.Parse(i.ID); err != nil || id.String() != i.ID {
		return wrong("the id is no UUID")
	}
	if i.StationID != stationID {
		return wrong("it is of another station")
	}
	bin, err := s.deps.Store.GetBin(ctx, i.BinID)
	if err != nil && !errors.Is(err, store.ErrNotFound) {
		return err
	}
	// One that was removed meanwhile may have been the station's.
	if err == nil && bin.StationID != stationID {
		return wrong("the bin %.64q is another station's", i.BinID)
	}
	switch {
	case r.Revision < 1:
		return wrong("revision %d", r.Revision)
	case !slices.Contains(verdict.All, i.Verdict):
		return wrong("verdict %.64q", i.Verdict)
	case i.Source != inspection.FromPush && i.Source != inspection.FromStream:
		return wrong("source %.64q", i.Source)
	case i.Prompt != nil && !slices.Contains(inspection.PromptStates, i.Prompt.State):
		return wrong("prompt state %.64q", i.Prompt.State)
	case i.Prompt != nil && i.Prompt.Receipt != "" && (i.Prompt.State != inspection.PromptAppealed || i.Prompt.EndedAt == nil):
		return wrong("a receipt without an appeal")
	}
	if err := s.checkSizes(r); err != nil {
		return wrong("%w", err)
	}
	corrected := r.Corrected()
	for name, at := range map[string]time.Time{
		"captured_at": corrected.CapturedAt, "received_at": corrected.ReceivedAt, "decided_at": corrected.DecidedAt,
	} {
		if at.Before(earliest) || at.After(s.cfg.Now().Add(ahead)) {
			return wrong("%s is %s by the server's clock", name, at.Format(time.RFC3339))
		}
	}
	return nil
}

func (s *Service) checkSizes(r *relay.Record) error {
	i := &r.Inspection
	words := []string{i.BinID, i.CameraID, i.Reason, i.Category, i.ItemClass, string(i.BoundLevel), i.ModelVersion, i.TaxonomyVersion, i.HarmVersion, i.RuleVersion}
	words = append(words, i.Accepts...)
	for id := range i.Categories {
		words = append(words, id)
	}
	for _, c := range i.Classes {
		words = append(words, c.Class)
	}
	if r.Reading != nil {
		for _, c := range r.Reading.Rest {
			words = append(words, c.Class)
		}
	}
	if i.Prompt != nil {
		words = append(words, i.Prompt.Means, i.Prompt.Receipt)
	}
	if len(words) > maxEntries {
		return fmt.Errorf("%d categories and classes, allowed are %d", len(words), maxEntries)
	}
	for _, w := range words {
		if len(w) > maxWord {
			return fmt.Errorf("a word of %d bytes, allowed are %d", len(w), maxWord)
		}
	}
	if len(i.Evidence) > inspection.MaxImages {
		return fmt.Errorf("%d pictures, allowed are %d", len(i.Evidence), inspection.MaxImages)
	}
	seen := make(map[int]bool)
	for _, e := range i.Evidence {
		if e.Ordinal < 0 || e.Ordinal >= inspection.MaxImages || seen[e.Ordinal] || !relay.IsDigest(e.SHA256) {
			return fmt.Errorf("picture %d", e.Ordinal)
		}
		seen[e.Ordinal] = true
	}
	return nil
}
