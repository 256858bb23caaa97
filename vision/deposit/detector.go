package deposit

import (
	"fmt"
	"image"
	"sync"
	"time"
)

// viewCells is the longer side of the raster of the whole view, which measures
// the light and notices a moved camera.
const viewCells = 64

// Detector finds deposits in the frames of one camera. It belongs to one
// goroutine; only Stats may be called from any.
type Detector struct {
	cfg     Config
	regions []*region
	view    *view
	size    image.Point
	last    time.Time
	closed  bool
	resized uint64
	misses  []Miss
	tape    *Tape

	mu    sync.Mutex
	stats Stats
}

// New returns a detector for a camera's regions. It errs on a configuration or
// polygon that cannot work, on no region and on two regions of one bin.
func New(cfg Config, regions []Region) (*Detector, error) {
	if err := cfg.Validate(); err != nil {
		return nil, err
	}
	if len(regions) == 0 || len(regions) > maxRegions {
		return nil, fmt.Errorf("deposit: %d regions, need from 1 to %d", len(regions), maxRegions)
	}
	d := &Detector{cfg: cfg}
	seen := map[string]bool{}
	for _, r := range regions {
		if seen[r.BinID] {
			return nil, fmt.Errorf("deposit: bin %q has two regions", r.BinID)
		}
		seen[r.BinID] = true
		if err := r.Polygon.Validate(); err != nil {
			return nil, fmt.Errorf("deposit: bin %q: %w", r.BinID, err)
		}
		d.regions = append(d.regions, &region{cfg: &d.cfg, id: r.BinID, polygon: r.Polygon})
	}
	d.publish()
	return d, nil
}

// Observe takes the next frame and returns the events that became certain with
// it, in the order of the regions. It keeps nothing of the frame's image
// but reduced copies and the crops of what may become a shot.
func (d *Detector) Observe(f Frame) []Event {
	d.misses = d.misses[:0]
	if d.closed {
		return nil
	}
	begin := time.Now()
	if f.Image.Valid() != nil {
		d.mu.Lock()
		d.stats.Invalid++
		d.mu.Unlock()
		return nil
	}
	if size := (image.Point{f.Image.Width, f.Image.Height}); size != d.size {
		d.resize(size)
	}
	if d.tape != nil {
		d.tape.begin(d.regions, f.Time)
	}
	step := f.Time.Sub(d.last)
	broken := step < 0 || step > d.cfg.MaxGap
	if broken {
		step = 0
		for _, r := range d.regions {
			r.interrupt()
		}
		d.view.interrupt()
	}
	d.last = f.Time
	light, moved := d.view.observe(f, step, &d.cfg)
	if moved {
		for _, r := range d.regions {
			r.relearn()
		}
	}
	var events []Event
	for _, r := range d.regions {
		events = append(events, r.observe(f, step, light)...)
		d.misses = append(d.misses, r.misses...)
	}
	if d.tape != nil {
		d.tape.add(d.regions, reduced{at: f.Time, seq: f.Seq, step: step, broken: broken, light: light, moved: moved})
	}
	d.mu.Lock()
	d.stats.Frames++
	d.stats.Busy += time.Since(begin)
	d.mu.Unlock()
	d.publish()
	return events
}

// Configure changes the configuration without forgetting what was learnt; it
// holds from the next frame on. It errs on a configuration that cannot work,
// and on another MaxCells, which needs a new detector. Like Observe it belongs
// to the detector's goroutine.
func (d *Detector) Configure(cfg Config) error {
	if err := cfg.Validate(); err != nil {
		return err
	}
	if cfg.MaxCells != d.cfg.MaxCells {
		return fmt.Errorf("deposit: MaxCells cannot change from %d to %d", d.cfg.MaxCells, cfg.MaxCells)
	}
	d.cfg = cfg
	return nil
}

// Flush ends the stream: things that have settled but were still waited for,
// because a hand may have been about to leave, become events now.
func (d *Detector) Flush() []Event {
	if d.closed {
		return nil
	}
	var events []Event
	for _, r := range d.regions {
		events = append(events, r.flush()...)
	}
	d.publish()
	return events
}

// Close releases what the detector keeps; later frames are ignored.
func (d *Detector) Close() {
	d.closed = true
	for _, r := range d.regions {
		r.release()
	}
	d.view = nil
}

// Stats returns the present counts and states.
func (d *Detector) Stats() Stats {
	d.mu.Lock()
	defer d.mu.Unlock()
	s := d.stats
	s.Regions = append([]RegionStats(nil), s.Regions...)
	return s
}

func (d *Detector) resize(size image.Point) {
	if d.size != (image.Point{}) {
		d.resized++
	}
	d.size = size
	d.view = newView(size)
	if d.tape != nil {
		d.tape.reset()
	}
	for _, r := range d.regions {
		r.resize(size)
	}
}

// publish sums the regions' counts for Stats.
func (d *Detector) publish() {
	d.mu.Lock()
	defer d.mu.Unlock()
	s := &d.stats
	s.Gain = 1
	if d.view != nil {
		s.Gain = d.view.light[1]
	}
	s.Events, s.Removed, s.Passed, s.Ghosts, s.Absorbed = 0, 0, 0, 0, 0
	if len(s.Regions) != len(d.regions) {
		s.Regions = make([]RegionStats, len(d.regions))
	}
	relearned := d.resized
	for i, r := range d.regions {
		s.Regions[i] = RegionStats{BinID: r.id, Phase: r.phase, Noise: r.noise, Events: r.events}
		if r.shape != nil && r.shape.inside > 0 {
			s.Regions[i].Foreground = float64(r.seen.area) / float64(r.shape.inside)
		}
		s.Events += r.events
		s.Removed += r.removed
		s.Passed += r.passed
		s.Ghosts += r.ghosts
		s.Absorbed += r.absorbed
		relearned += r.relearned
	}
	s.Relearned = relearned
}
