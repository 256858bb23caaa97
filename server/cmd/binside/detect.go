package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"image"
	"io"
	"math"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/binside/binside/camera"
	"github.com/binside/binside/camera/capture"
	"github.com/binside/binside/vision"
	"github.com/binside/binside/vision/deposit"
)

// detected is what `binside detect` writes.
type detected struct {
	File      string          `json:"file"`
	Width     int             `json:"width"`
	Height    int             `json:"height"`
	Frames    uint64          `json:"frames"`
	DurationS float64         `json:"duration_s"`
	Region    vision.Polygon  `json:"region"`
	Events    []detectedEvent `json:"events"`
	// Counts of what was seen and was no event.
	Passed    uint64 `json:"passed"`
	Light     uint64 `json:"light"`
	Relearned uint64 `json:"relearned"`
	// DetectorS is the time that the detector took of one core; decoding is
	// not in it.
	DetectorS float64 `json:"detector_s"`
}

// detectedEvent is one event, in seconds from the first frame.
type detectedEvent struct {
	StartS float64      `json:"start_s"`
	EndS   float64      `json:"end_s"`
	Kind   deposit.Kind `json:"kind"`
}

func newDetect() *cobra.Command {
	var file, region, out string
	cmd := &cobra.Command{
		Use:   "detect --file VIDEO [--region POLYGON]",
		Short: "Find what is put into a region of a video, and taken out of it",
		Long: `Find what is put into a region of a video, and taken out of it, with the detector
that the service runs on its cameras.

POLYGON is a list of corners, e.g. "0.1,0.2 0.5,0.2 0.5,0.9", or as the API has
it, [{"x":0.1,"y":0.2},…]: shares of the picture, or pixels where one of the
numbers is above 1. Without it the whole picture is watched.`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) (err error) {
			corners, err := parseCorners(region)
			if err != nil {
				return err
			}
			events, err := openOutput(out)
			if err != nil {
				return err
			}
			defer func() { err = errors.Join(err, events.discard()) }()
			found, err := detect(cmd.Context(), file, corners)
			if err != nil {
				return err
			}
			enc := json.NewEncoder(events.file)
			enc.SetIndent("", "  ")
			return errors.Join(enc.Encode(found), events.keep())
		},
	}
	f := cmd.Flags()
	f.StringVar(&file, "file", "", "the video")
	f.StringVar(&region, "region", "", "corners of the region (the whole picture)")
	f.StringVar(&out, "json", "/dev/stdout", "where the events go")
	if err := cmd.MarkFlagRequired("file"); err != nil {
		panic(err) // the flag stands above
	}
	return cmd
}

// parseCorners reads a polygon as the API and this command write it, or the
// numbers x y x y …, whatever stands between them; nothing is the whole picture.
func parseCorners(text string) (vision.Polygon, error) {
	var written vision.Polygon
	if json.Unmarshal([]byte(text), &written) == nil && len(written) > 0 {
		return written, nil
	}
	numbers := strings.FieldsFunc(text, func(r rune) bool { return strings.ContainsRune(" ,;[]()\n\t", r) })
	if len(numbers) == 0 {
		return vision.Full(), nil
	}
	if len(numbers)%2 != 0 {
		return nil, fmt.Errorf("--region holds %d numbers, want two a corner", len(numbers))
	}
	corners := make(vision.Polygon, len(numbers)/2)
	for i, n := range numbers {
		v, err := strconv.ParseFloat(n, 64)
		if err != nil || math.IsNaN(v) || math.IsInf(v, 0) {
			return nil, fmt.Errorf("--region: %q is no number", n)
		}
		if i%2 == 0 {
			corners[i/2].X = v
		} else {
			corners[i/2].Y = v
		}
	}
	return corners, nil
}

// shares turns corners in pixels into shares of a picture.
func shares(corners vision.Polygon, size image.Point) vision.Polygon {
	if !slices.ContainsFunc(corners, func(p vision.Point) bool { return p.X > 1 || p.Y > 1 }) {
		return corners
	}
	out := make(vision.Polygon, len(corners))
	for i, p := range corners {
		out[i] = vision.Point{X: p.X / float64(size.X), Y: p.Y / float64(size.Y)}
	}
	return out
}

// detect runs the detector over a file.
func detect(ctx context.Context, file string, corners vision.Polygon) (*detected, error) {
	source, err := capture.New(file, capture.Options{Unpaced: true, Start: time.Unix(0, 0).UTC()})
	if err != nil {
		return nil, err
	}
	found, err := watch(ctx, source, corners)
	if err != nil {
		return nil, err
	}
	found.File = file
	return found, nil
}

// watch runs the detector over a stream that ends. A deposit that a removal
// denies is left out: what was seen was the hand that took something.
func watch(ctx context.Context, source camera.Source, corners vision.Polygon) (*detected, error) {
	ctx, stop := context.WithCancelCause(ctx)
	defer stop(nil)
	var d *deposit.Detector
	var events []deposit.Event
	found := &detected{Events: []detectedEvent{}}
	var first, last time.Time
	err := source.Stream(ctx, func(f camera.Frame) {
		if d == nil {
			found.Width, found.Height, first = f.Image.Width, f.Image.Height, f.Time
			found.Region = shares(corners, image.Pt(f.Image.Width, f.Image.Height))
			var wrong error
			if d, wrong = deposit.New(deposit.DefaultConfig(), []deposit.Region{{BinID: "region", Polygon: found.Region}}); wrong != nil {
				stop(wrong)
				return
			}
		}
		last = f.Time
		events = append(events, d.Observe(deposit.Frame{Seq: f.Seq, Time: f.Time, Image: f.Image})...)
	})
	if d != nil {
		defer d.Close()
	}
	if cause := context.Cause(ctx); cause != nil {
		return nil, cause
	}
	if !errors.Is(err, io.EOF) {
		return nil, err
	}
	events = append(events, d.Flush()...)
	found.add(events, first)
	stats := d.Stats()
	found.Frames, found.DurationS = stats.Frames, last.Sub(first).Seconds()
	found.Passed, found.Light, found.Relearned, found.DetectorS = stats.Passed, stats.Ghosts, stats.Relearned, stats.Busy.Seconds()
	return found, nil
}

func (d *detected) add(events []deposit.Event, first time.Time) {
	denied := map[string]bool{}
	for _, e := range events {
		denied[e.Denies] = true
	}
	for _, e := range events {
		if !denied[e.ID] {
			d.Events = append(d.Events, detectedEvent{StartS: e.Start.Sub(first).Seconds(), EndS: e.Decided.Sub(first).Seconds(), Kind: e.Kind})
		}
	}
	slices.SortStableFunc(d.Events, func(a, b detectedEvent) int { return int(math.Copysign(1, a.StartS-b.StartS)) })
}
