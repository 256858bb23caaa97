package evaluation

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"sync"

	"github.com/binside/binside/models"
	"github.com/binside/binside/models/verdict"
	"github.com/binside/binside/vision"
	"github.com/binside/binside/vision/quality"
)

// Judge decides what a prediction means for a bin that accepts the given
// categories. It is called from several goroutines at once.
type Judge func(p models.Prediction, accepts []string, q verdict.Quality) verdict.Decision

// Result is what was said of one picture.
type Result struct {
	Image
	// Category is the most probable category, ItemClass the class shown with
	// it; both are empty where the taxonomy names none of the model's classes.
	Category, ItemClass string
	// Confidence is the probability of Category.
	Confidence float64
	// Categories is the probability of every category, in the taxonomy's
	// order.
	Categories []float64
	// Verdicts is the verdict for the bin of every category, in that order,
	// and Named the category that each decision names.
	Verdicts []verdict.Verdict
	Named    []string
	// Prediction is what the classifier said.
	Prediction models.Prediction
}

// Unreadable is a file that could not be opened or decoded.
type Unreadable struct {
	Path   string `json:"path"`
	Line   int    `json:"line"`
	Source string `json:"source"`
	Reason string `json:"reason"`
}

// Outcome is a whole run.
type Outcome struct {
	// Results are in the order of the pictures given; the unreadable ones are
	// missing from them.
	Results    []Result
	Unreadable []Unreadable
	// PicturesSHA256 is the hex digest of the files that were evaluated: of
	// one line for each, its own hex digest and a line feed.
	PicturesSHA256 string
}

// Evaluator runs a classifier and a judge over pictures.
type Evaluator struct {
	Classifier models.Classifier
	// Decode makes a picture of a file's bytes, upright.
	Decode func(ctx context.Context, data []byte) (*vision.Image, error)
	Judge  Judge
	// Categories are the taxonomy's. Each has one bin; without any, nothing is
	// judged.
	Categories []string
	// MaxBytes is the longest file that is read; 0 is 64 MiB.
	MaxBytes int64
	// Parallel is how many pictures are worked at together; 0 is 1.
	Parallel int
	// Progress, if set, hears of every finished picture, from one goroutine
	// at a time.
	Progress func(done, total int)
}

// answer is the outcome for one picture: a result, or the reason why its file
// cannot be read.
type answer struct {
	result Result
	digest string
	file   error
}

// Run evaluates pictures whose paths are relative to dir. A file that cannot
// be read is noted and the run goes on; an error of the classifier, or the end
// of ctx, ends it.
func (e *Evaluator) Run(ctx context.Context, dir string, images []Image) (*Outcome, error) {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	answers := make([]answer, len(images))
	work := make(chan int)
	var (
		workers sync.WaitGroup
		mu      sync.Mutex // guards done, and keeps Progress to one at a time
		done    int
	)
	for range max(1, e.Parallel) {
		workers.Go(func() {
			for i := range work {
				var err error
				if answers[i], err = e.answer(ctx, dir, images[i]); err != nil {
					cancel(fmt.Errorf("evaluation: %s: %w", images[i].Path, err))
					continue
				}
				mu.Lock()
				done++
				if e.Progress != nil {
					e.Progress(done, len(images))
				}
				mu.Unlock()
			}
		})
	}
feed:
	for i := range images {
		select {
		case work <- i:
		case <-ctx.Done():
			break feed
		}
	}
	close(work)
	workers.Wait()
	if ctx.Err() != nil {
		return nil, context.Cause(ctx)
	}
	return collect(images, answers), nil
}

func collect(images []Image, answers []answer) *Outcome {
	out := &Outcome{Unreadable: []Unreadable{}}
	digest := sha256.New()
	for i, a := range answers {
		if a.file != nil {
			img := images[i]
			out.Unreadable = append(out.Unreadable, Unreadable{Path: img.Path, Line: img.Line, Source: img.Source, Reason: a.file.Error()})
			continue
		}
		_, _ = io.WriteString(digest, a.digest+"\n") // a hash never fails
		out.Results = append(out.Results, a.result)
	}
	out.PicturesSHA256 = hex.EncodeToString(digest.Sum(nil))
	return out
}

func (e *Evaluator) answer(ctx context.Context, dir string, img Image) (answer, error) {
	data, picture, broken := e.open(ctx, Locate(dir, img.Path))
	if picture == nil {
		return answer{file: broken}, nil
	}
	q, err := quality.Measure(picture, picture.Rect())
	if err != nil {
		return answer{}, err
	}
	p, err := e.Classifier.Classify(ctx, []models.View{{Image: picture, Crop: picture.Rect()}})
	if err != nil {
		return answer{}, err
	}
	sum := sha256.Sum256(data)
	return answer{
		result: e.judge(img, p, verdict.Quality{Sharpness: q.Sharpness, Exposure: q.Exposure}),
		digest: hex.EncodeToString(sum[:]),
	}, nil
}

func (e *Evaluator) judge(img Image, p models.Prediction, q verdict.Quality) Result {
	r := Result{Image: img, Prediction: p}
	for i, bin := range e.Categories {
		d := e.Judge(p, []string{bin}, q)
		if i == 0 {
			// What a picture shows does not depend on the bin.
			r.Category, r.ItemClass, r.Confidence = d.Category, d.ItemClass, d.Confidence
			for _, c := range e.Categories {
				r.Categories = append(r.Categories, d.Categories[c])
			}
		}
		r.Verdicts, r.Named = append(r.Verdicts, d.Verdict), append(r.Named, d.Category)
	}
	return r
}

// Locate returns where a manifest's path leads from its folder.
func Locate(dir, path string) string {
	path = filepath.FromSlash(path)
	if filepath.IsAbs(path) {
		return path
	}
	return filepath.Join(dir, path)
}

// open reads and decodes a file; the picture is nil where that fails.
func (e *Evaluator) open(ctx context.Context, path string) ([]byte, *vision.Image, error) {
	limit := e.MaxBytes
	if limit == 0 {
		limit = 64 << 20
	}
	data, err := readFile(path, limit)
	if err != nil {
		return nil, nil, err
	}
	img, err := e.Decode(ctx, data)
	if err != nil {
		return nil, nil, err
	}
	return data, img, nil
}

// readFile reads a regular file of at most limit bytes: a manifest may name
// anything, a pipe would be waited for without end. Errors do not repeat the
// path, so that a report does not depend on where its manifest lies.
func readFile(path string, limit int64) ([]byte, error) {
	info, err := os.Stat(path)
	switch {
	case err != nil:
		return nil, withoutPath(err)
	case !info.Mode().IsRegular():
		return nil, errors.New("not a regular file")
	case info.Size() > limit:
		return nil, fmt.Errorf("the file has %d bytes, allowed is up to %d", info.Size(), limit)
	}
	data, err := os.ReadFile(path) //nolint:gosec // the operator names the manifest
	if err != nil {
		return nil, withoutPath(err)
	}
	return data, nil
}

func withoutPath(err error) error {
	var at *os.PathError
	if errors.As(err, &at) {
		return at.Err
	}
	return err
}
