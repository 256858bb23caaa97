package deposit

import (
	"image"
	"time"
)

// view watches the whole picture: how the light differs from the background's,
// and whether the camera now looks elsewhere.
type view struct {
	raster  *raster
	bg      *background
	in      []bool
	now     []byte
	levels  []byte
	differs []bool
	light   gain
	table   table
	// anchor is the picture since which the view has held still.
	anchor   []byte
	anchorAt time.Time
	anchored bool
	pending  time.Duration
}

func newView(size image.Point) *view {
	r := newRaster(image.Rectangle{Max: size}, viewCells)
	v := &view{
		raster: r, bg: newBackground(r.cells()), in: make([]bool, r.cells()), differs: make([]bool, r.cells()),
		now: make([]byte, 3*r.cells()), levels: make([]byte, 3*r.cells()), anchor: make([]byte, 3*r.cells()), light: unity,
	}
	for i := range v.in {
		v.in[i] = true
	}
	v.table.set(unity)
	return v
}

func (v *view) interrupt() { v.anchored = false }

// observe returns the present light and whether the view has moved: the regions
// must learn their backgrounds again then.
func (v *view) observe(f Frame, step time.Duration, cfg *Config) (gain, bool) {
	v.raster.sample(f.Image, v.now)
	if !v.bg.ready {
		v.light = unity
		if v.bg.learn(v.now, f.Time, unity, cfg.LearnTime, cfg.LearnFrames) {
			clear(v.differs)
		}
		return v.light, false
	}
	limit := int32(cfg.MinThreshold*1.2 + 0.5)
	v.bg.levels(v.levels)
	v.measureLight(limit)
	v.table.set(v.light)
	n := v.bg.compare(v.now, v.in, &v.table, limit, v.differs)
	if v.moved(n, f.Time, limit, cfg) {
		v.bg.relearn()
		v.light = unity
		v.anchored = false
		return v.light, true
	}
	if v.pending += step; v.pending >= adaptEvery {
		v.bg.adapt(v.now, v.differs, false, &v.table, v.pending, cfg.BackgroundTime)
		v.pending = 0
	}
	return v.light, false
}

// measureLight takes, of the last gain and the median ones over what did not
// differ before and over everything, the one that explains most cells: a median
// alone would follow a large dark thing that fills more than half the view.
func (v *view) measureLight(limit int32) {
	var calm, all gainEstimate
	for i, d := range v.differs {
		b, n := v.levels[3*i:3*i+3], v.now[3*i:3*i+3]
		all.add(b, n)
		if !d {
			calm.add(b, n)
		}
	}
	least := len(v.differs) / 20
	var candidates []gain
	if g, ok := calm.median(least); ok {
		candidates = append(candidates, g)
	}
	if g, ok := all.median(least); ok {
		candidates = append(candidates, g)
	}
	candidates = append(candidates, v.light, unity)
	bestFit, bestGain := -1, v.light
	var t table
	for _, g := range candidates {
		t.set(g)
		fit := 0
		for k := 0; k < len(v.now); k += 3 {
			if !differ(int32(v.now[k]), int32(v.now[k+1]), int32(v.now[k+2]),
				int32(t[0][v.levels[k]]), int32(t[1][v.levels[k+1]]), int32(t[2][v.levels[k+2]]), limit) {
				fit++
			}
		}
		// The measured light is preferred unless an older one explains clearly
		// more.
		if fit > bestFit+len(v.differs)/50 {
			bestFit, bestGain = fit, g
		}
	}
	v.light = bestGain
}

// moved reports whether enough of the view has differed, and held still, for
// long enough.
func (v *view) moved(differing int, at time.Time, limit int32, cfg *Config) bool {
	if float64(differing) < cfg.ViewShare*float64(len(v.in)) {
		v.anchored = false
		return false
	}
	changed := 0
	for k := 0; v.anchored && k < len(v.now); k += 3 {
		if differ(int32(v.now[k]), int32(v.now[k+1]), int32(v.now[k+2]),
			int32(v.anchor[k]), int32(v.anchor[k+1]), int32(v.anchor[k+2]), limit) {
			changed++
		}
	}
	if !v.anchored || float64(changed) > cfg.StillShare*float64(len(v.in)) {
		copy(v.anchor, v.now)
		v.anchorAt, v.anchored = at, true
		return false
	}
	return at.Sub(v.anchorAt) >= cfg.ViewTime
}
