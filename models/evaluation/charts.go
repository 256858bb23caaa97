package evaluation

import (
	"fmt"
	"html/template"
	"maps"
	"math"
	"slices"

	"github.com/binside/binside/datasets/taxonomy"
)

// dotRow is one line of a dot plot.
type dotRow struct {
	label taxonomy.Name
	// style colours the dot, "" leaves it to the page.
	style string
	p     *Proportion
	// head starts a new block: its label is a heading.
	head bool
}

// dotPlot draws proportions with their intervals, on an axis that starts at
// the tenth below the lowest interval: what it shows are differences, so the
// axis is labelled.
func dotPlot(label taxonomy.Name, rows []dotRow) template.HTML {
	const left, right, rowHeight = 132.0, 284.0, 24.0
	low := 1.0
	for _, r := range rows {
		if r.p != nil {
			low = min(low, r.p.Interval95[0])
		}
	}
	low = min(math.Floor(low*10)/10, 0.9)
	x := func(v float64) float64 { return left + (v-low)/(1-low)*(right-left) }
	bottom := rowHeight*float64(len(rows)) + 8
	s := newSVG(bottom + 22)
	step := 0.1
	if low < 0.5 {
		step = 0.25
	}
	for v := 1.0; v > low-1e-9; v -= step {
		s.line("grid", x(v), 4, x(v), bottom)
		s.text("tick", "middle", x(v), bottom+15, wholePercent(v))
	}
	for i, r := range rows {
		y := 8 + rowHeight*(float64(i)+0.5)
		class := "label"
		if r.head {
			class = "label head"
		}
		s.name(class, "end", left-12, y+4, taxonomy.Name{ZH: short(r.label.ZH, 16), EN: short(r.label.EN, 16)})
		if r.p == nil {
			continue
		}
		tip := fmt.Sprintf("%s / %s: %s (%s – %s), %d / %d", r.label.ZH, r.label.EN, percent(r.p.Value), percent(r.p.Interval95[0]), percent(r.p.Interval95[1]), r.p.Count, r.p.N)
		s.line("interval", x(r.p.Interval95[0]), y, x(r.p.Interval95[1]), y)
		s.dot("dot", r.style, x(r.p.Value), y, 5.5, tip)
		s.text("value", "start", right+12, y+4, percent(r.p.Value))
		s.text("tick", "end", svgWidth-2, y+4, "n "+thousands(r.p.N))
	}
	return s.finish(label)
}

// sourceAccuracy draws the accuracy of every source, and of all.
func (r *Report) sourceAccuracy() template.HTML {
	rows := []dotRow{{label: taxonomy.Name{ZH: "全部", EN: "all"}, p: r.All.AccuracyOf, head: true}}
	for _, id := range slices.Sorted(maps.Keys(r.Sources)) {
		rows = append(rows, dotRow{label: taxonomy.Name{ZH: id, EN: id}, p: r.Sources[id].AccuracyOf})
	}
	return dotPlot(taxonomy.Name{ZH: "各来源的准确率", EN: "Accuracy by source"}, rows)
}

// recalls draws the recall of every category, below it by source where there
// are several.
func (r *Report) recalls() template.HTML {
	var rows []dotRow
	ids := slices.Sorted(maps.Keys(r.Sources))
	for i, c := range r.All.Categories {
		if c.Recall == nil {
			continue
		}
		style := "fill:" + r.table.Categories[i].Colour.Hex
		rows = append(rows, dotRow{label: r.table.Categories[i].Name, style: style, p: c.Recall, head: true})
		if len(ids) == 1 {
			continue
		}
		for _, id := range ids {
			if p := r.Sources[id].Categories[i].Recall; p != nil {
				rows = append(rows, dotRow{label: taxonomy.Name{ZH: id, EN: id}, style: style + ";fill-opacity:.55", p: p})
			}
		}
	}
	return dotPlot(taxonomy.Name{ZH: "各类别的召回率", EN: "Recall by category"}, rows)
}

// heatMap draws the confusion matrix; a cell is as dark as its share of the
// row.
func (r *Report) heatMap() template.HTML {
	const left, top, height = 84.0, 44.0, 52.0
	c := r.All.Confusion
	k := len(c.Categories)
	w := (svgWidth - left) / float64(k)
	s := newSVG(top + height*float64(k) + 4)
	for j, category := range r.table.Categories {
		s.column("tick", left+w*(float64(j)+0.5), top-10, category.Name)
	}
	for i, row := range c.Counts {
		total := c.None[i]
		for _, n := range row {
			total += n
		}
		y := top + height*float64(i)
		s.rightColumn(left-8, y+height/2+4, r.table.Categories[i].Name)
		for j, n := range row {
			share := 0.0
			if total > 0 {
				share = float64(n) / float64(total)
			}
			class, colour := "cell", "var(--accent)"
			if i != j {
				colour = "var(--wrong)"
			}
			if share > 0.5 {
				class = "cell dark"
			}
			tip := fmt.Sprintf("%s → %s: %d / %d", c.Categories[i], c.Categories[j], n, total)
			x := left + w*float64(j)
			s.rect("heat", fmt.Sprintf("fill:%s;fill-opacity:%.3f", colour, 0.06+0.94*math.Sqrt(share)*share), x+1, y+1, w-2, height-2, tip)
			s.text(class, "middle", x+w/2, y+height/2, thousands(n))
			if total > 0 {
				s.text(class+" small", "middle", x+w/2, y+height/2+15, percent(share))
			}
		}
	}
	return s.finish(taxonomy.Name{ZH: "混淆矩阵", EN: "Confusion matrix"})
}

// rightColumn writes a row's name, the English one in two lines where it has
// two words.
func (s *svg) rightColumn(x, y float64, n taxonomy.Name) {
	s.text("label zh", "end", x, y, n.ZH)
	words := splitOnce(n.EN)
	for i, word := range words {
		s.text("label en", "end", x, y+14*(float64(i)-float64(len(words)-1)/2), word)
	}
}

// frame is the area of a plot, in units of the figure.
type frame struct{ left, top, right, bottom float64 }

// grid draws four lines a side with their figures; high is the vertical axis's
// end.
func (f frame) grid(s *svg, high float64, tick func(float64) string) {
	for i := range 5 {
		v := float64(i) / 4
		x, y := f.left+v*(f.right-f.left), f.bottom-v*(f.bottom-f.top)
		s.line("grid", x, f.top, x, f.bottom)
		s.line("grid", f.left, y, f.right, y)
		s.text("tick", "middle", x, f.bottom+15, wholePercent(v))
		s.text("tick", "end", f.left-6, y+4, tick(v*high))
	}
}

// reliabilityDiagram draws how often the classifier is right against how sure
// it is, and below it how many pictures each bin holds.
func (r *Report) reliabilityDiagram() template.HTML {
	f := frame{left: 46, top: 8, right: 382, bottom: 268}
	const histTop, histBottom = 300.0, 348.0
	s := newSVG(histBottom + 24)
	f.grid(s, 1, wholePercent)
	x := func(v float64) float64 { return f.left + v*(f.right-f.left) }
	y := func(v float64) float64 { return f.bottom - v*(f.bottom-f.top) }
	s.line("diagonal", x(0), y(0), x(1), y(1))
	most := 1
	for _, b := range r.All.Reliability {
		most = max(most, b.N)
	}
	for _, b := range r.All.Reliability {
		height := float64(b.N) / float64(most) * (histBottom - histTop - 8)
		if b.N == 0 {
			continue
		}
		tip := fmt.Sprintf("%s – %s: %s, n %d", percent(b.Low), percent(b.High), percent(b.Accuracy.Value), b.N)
		s.rect("bar", "", x(b.Low)+1, histBottom-max(height, 1.5), x(b.High)-x(b.Low)-2, max(height, 1.5), tip)
		if b.N == most {
			s.text("tick", "end", x(b.Low)-4, histTop+12, "n "+thousands(b.N))
		}
		cx := x(*b.Confidence)
		s.line("interval", cx, y(b.Accuracy.Interval95[0]), cx, y(b.Accuracy.Interval95[1]))
		s.dot("dot", "", cx, y(b.Accuracy.Value), 5, tip)
	}
	s.line("axis", f.left, histBottom, f.right, histBottom)
	s.name("tick", "middle", (f.left+f.right)/2, histBottom+17, taxonomy.Name{ZH: "给出的概率(下方为图片数)", EN: "probability given (below: how many pictures)"})
	return s.finish(taxonomy.Name{ZH: "可靠性图", EN: "Reliability diagram"})
}

// riskCoverageCurve draws the share of wrong answers against the share of
// pictures that are answered at all.
func (r *Report) riskCoverageCurve() template.HTML {
	f := frame{left: 46, top: 8, right: 382, bottom: 238}
	s := newSVG(f.bottom + 40)
	worst := 0.0
	for _, p := range r.All.RiskCoverage {
		worst = max(worst, p.Risk)
	}
	high := max(math.Ceil(worst*50)/50, 0.02)
	f.grid(s, high, percent)
	points := make([]float64, 0, 2*len(r.All.RiskCoverage))
	for _, p := range r.All.RiskCoverage {
		points = append(points, f.left+p.Coverage*(f.right-f.left), f.bottom-p.Risk/high*(f.bottom-f.top))
	}
	s.path("curve", points)
	if n := len(points); n > 0 {
		s.dot("dot", "", points[n-2], points[n-1], 4.5, percent(r.All.RiskCoverage[n/2-1].Risk))
	}
	s.name("tick", "middle", (f.left+f.right)/2, f.bottom+33, taxonomy.Name{ZH: "作答的图片占比(从最有把握的开始)", EN: "share of pictures answered, the surest first"})
	return s.finish(taxonomy.Name{ZH: "风险–覆盖率曲线", EN: "Risk–coverage curve"})
}

// verdictBars draws what was said of each category in each bin.
func (r *Report) verdictBars() template.HTML {
	const left, right, rowHeight, headHeight = 140.0, 398.0, 22.0, 26.0
	k := len(r.table.Categories)
	s := newSVG(float64(k) * (headHeight + rowHeight*float64(k)))
	y := 0.0
	for i, category := range r.table.Categories {
		n := r.All.Deposits[i*k].N
		s.rect("", "fill:"+category.Colour.Hex, 0, y+8, 10, 10, "")
		s.name("label head", "start", 16, y+17, category.Name)
		s.text("tick", "end", right, y+17, "n "+thousands(n))
		y += headHeight
		for j, bin := range r.table.Categories {
			if i == j {
				s.name("label right", "end", left-10, y+15, taxonomy.Name{ZH: bin.Name.ZH + "桶 ✓", EN: bin.Name.EN + " ✓"})
			} else {
				s.name("label", "end", left-10, y+15, taxonomy.Name{ZH: bin.Name.ZH + "桶", EN: bin.Name.EN})
			}
			s.stack(left, y+3, right-left, rowHeight-6, r.All.Deposits[i*k+j])
			y += rowHeight
		}
	}
	return s.finish(taxonomy.Name{ZH: "各类别投入各桶的判定", EN: "Verdicts by category and bin"})
}

// stack draws one bar of the verdicts' shares.
func (s *svg) stack(x, y, width, height float64, c Cell) {
	if c.N == 0 {
		s.rect("empty", "", x, y, width, height, "n 0")
		return
	}
	for _, part := range []struct {
		class string
		n     int
	}{{"pass", c.Pass}, {"check", c.Check}, {"tell", c.Tell}, {"unreadable", c.Unreadable}} {
		if part.n == 0 {
			continue
		}
		share := float64(part.n) / float64(c.N)
		w := share * width
		s.rect("v-"+part.class, "", x, y, w, height, fmt.Sprintf("%s: %d / %d (%s)", part.class, part.n, c.N, percent(share)))
		if w > 34 {
			s.text("on-bar on-"+part.class, "middle", x+w/2, y+height/2+4, wholePercent(share))
		}
		x += w
	}
}
