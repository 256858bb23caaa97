package evaluation

import (
	"cmp"
	"maps"
	"math"
	"slices"

	"github.com/binside/binside/models/verdict"
)

// hazardous is the category whose mistakes are counted apart.
const hazardous = "hazardous"

// curvePoints is how many points of a risk–coverage curve are reported.
const curvePoints = 100

// Proportion is a share with how sure it is.
type Proportion struct {
	// Count of N are what the share counts.
	Count int `json:"count"`
	N     int `json:"n"`
	// Value is Count/N, and Interval95 Wilson's two-sided 95% interval. Where N
	// counts each picture in several bins, the interval is that of the
	// pictures: their deposits stand or fall together.
	Value      float64    `json:"value"`
	Interval95 [2]float64 `json:"interval95"`
}

// proportion is nil for n 0.
func proportion(count, n int) *Proportion { return clustered(count, n, n) }

// clustered is a proportion among n deposits of so many pictures; nil for n 0.
func clustered(count, n, pictures int) *Proportion {
	if n == 0 {
		return nil
	}
	low, high := wilson(float64(count)/float64(n), float64(pictures))
	return &Proportion{Count: count, N: n, Value: round(float64(count) / float64(n)), Interval95: [2]float64{round(low), round(high)}}
}

// round keeps six decimals: more than any n here carries, and fewer than
// differ between machines.
func round(v float64) float64 { return math.Round(v*1e6) / 1e6 }

// number is nil where v is none.
func number(v float64) *float64 {
	if math.IsNaN(v) || math.IsInf(v, 0) {
		return nil
	}
	v = round(v)
	return &v
}

// value is nil for a share of nothing.
func (p *Proportion) value() *float64 {
	if p == nil {
		return nil
	}
	return &p.Value
}

// Figures are those of one source, or of all pictures. The package's
// documentation says what each divides by.
type Figures struct {
	// N pictures were evaluated, of Groups groups of near-duplicates (a
	// picture without a group is one of its own): intervals take pictures for
	// independent, which they are the less the fewer groups there are.
	N      int `json:"n"`
	Groups int `json:"groups"`
	// UnreadableFiles could not be decoded; they are not in N.
	UnreadableFiles int `json:"unreadable_files"`

	Accuracy         *float64           `json:"accuracy"`
	BalancedAccuracy *float64           `json:"balanced_accuracy"`
	Recall           map[string]float64 `json:"recall"`
	NByCategory      map[string]int     `json:"n_by_category"`
	ECE              *float64           `json:"ece"`
	ClasswiseECE     *float64           `json:"classwise_ece"`
	AURC             *float64           `json:"aurc"`

	Rates

	AccuracyOf   *Proportion   `json:"accuracy_of"`
	Categories   []Category    `json:"categories"`
	Classes      []Class       `json:"classes"`
	Confusion    Confusion     `json:"confusion"`
	Reliability  []Reliability `json:"reliability"`
	RiskCoverage []Coverage    `json:"risk_coverage"`
	Deposits     []Cell        `json:"deposits"`
}

// Category is how well one category is recognised.
type Category struct {
	Category string `json:"category"`
	// Recall is null without pictures of it, Precision where nothing was taken
	// for it.
	Recall    *Proportion `json:"recall"`
	Precision *Proportion `json:"precision"`
	// TellOnCorrect counts false accusations over pictures of it in its own
	// bin, with the bound of Rates.TellOnCorrectUpper95.
	TellOnCorrect        *Proportion `json:"tell_on_correct"`
	TellOnCorrectUpper95 *float64    `json:"tell_on_correct_upper95"`
}

// Class is how well one item class of the manifest is recognised.
type Class struct {
	ItemClass string `json:"item_class"`
	// Categories are those that the manifest gives it.
	Categories []string `json:"categories"`
	// CategoryRecall is the share of its pictures whose category is right.
	CategoryRecall *Proportion `json:"category_recall"`
	// Known says whether the model has a class of that name; Recall and
	// Precision, of the class shown, are null where it has not. Precision
	// counts only pictures whose own class the model has.
	Known     bool        `json:"known"`
	Recall    *Proportion `json:"recall"`
	Precision *Proportion `json:"precision"`
}

// Confusion counts pictures by the category that is theirs (rows) and the one
// that was recognised (columns), both in the order of Categories. None counts
// those, by row, for which no category was found.
type Confusion struct {
	Categories []string `json:"categories"`
	Counts     [][]int  `json:"counts"`
	None       []int    `json:"none"`
}

// Reliability is one bin of the reliability diagram: of the N pictures whose
// confidence is above Low (the first bin: from it) up to High.
type Reliability struct {
	Low  float64 `json:"low"`
	High float64 `json:"high"`
	N    int     `json:"n"`
	// Confidence is the mean confidence, null in an empty bin like Accuracy.
	Confidence *float64    `json:"confidence"`
	Accuracy   *Proportion `json:"accuracy"`
}

// Coverage is one point of the risk–coverage curve: if only the share Coverage
// of the pictures is answered, those with a confidence from Confidence on,
// the share Risk of the answers is wrong.
type Coverage struct {
	Coverage   float64 `json:"coverage"`
	Risk       float64 `json:"risk"`
	Confidence float64 `json:"confidence"`
}

// figures computes everything for some results. known says which item classes
// the model has.
func figures(results []Result, unreadable int, categories []string, known map[string]bool) Figures {
	conf := confusion(results, categories)
	answers := make([]scored, len(results))
	right := 0
	for i, r := range results {
		answers[i] = scored{confidence: r.Confidence, right: r.Category == r.Image.Category}
		if answers[i].right {
			right++
		}
	}
	bins, curve, cells := calibrate(answers), newRiskCoverage(answers), deposits(results, categories)
	f := Figures{
		N: len(results), Groups: countGroups(results), UnreadableFiles: unreadable,
		Recall: map[string]float64{}, NByCategory: map[string]int{},
		ECE: number(ece(bins)), ClasswiseECE: number(classwiseECE(results, categories)), AURC: number(curve.area()),
		Rates: rates(results, categories, cells), AccuracyOf: proportion(right, len(results)),
		Classes: classes(results, known), Confusion: conf, Reliability: reliability(bins),
		RiskCoverage: coverage(curve), Deposits: cells,
	}
	f.Accuracy = f.AccuracyOf.value()
	var recalls float64
	for i, id := range categories {
		c := conf.category(i, cells)
		f.Categories = append(f.Categories, c)
		if c.Recall != nil {
			f.Recall[id], f.NByCategory[id] = c.Recall.Value, c.Recall.N
			recalls += float64(c.Recall.Count) / float64(c.Recall.N)
		}
	}
	f.BalancedAccuracy = number(recalls / float64(len(f.Recall)))
	return f
}

func countGroups(results []Result) int {
	groups := make(map[string]bool)
	n := 0
	for _, r := range results {
		if r.Group == "" {
			n++
		} else {
			groups[r.Group] = true
		}
	}
	return n + len(groups)
}

func confusion(results []Result, categories []string) Confusion {
	c := Confusion{Categories: categories, Counts: make([][]int, len(categories)), None: make([]int, len(categories))}
	for i := range c.Counts {
		c.Counts[i] = make([]int, len(categories))
	}
	for _, r := range results {
		row, col := slices.Index(categories, r.Image.Category), slices.Index(categories, r.Category)
		if col < 0 {
			c.None[row]++
		} else {
			c.Counts[row][col]++
		}
	}
	return c
}

// category reads the i-th category's figures off the counts.
func (c Confusion) category(i int, cells []Cell) Category {
	total, taken := c.None[i], 0
	for j := range c.Categories {
		total += c.Counts[i][j]
		taken += c.Counts[j][i]
	}
	hits := c.Counts[i][i]
	out := Category{Category: c.Categories[i], Recall: proportion(hits, total), Precision: proportion(hits, taken)}
	own := cells[i*len(c.Categories)+i]
	out.TellOnCorrect, out.TellOnCorrectUpper95 = accusations(own.Tell, own.N)
	return out
}

func classes(results []Result, known map[string]bool) []Class {
	type count struct {
		n, category, class int
		truths             map[string]bool
	}
	counts := make(map[string]*count)
	shown := make(map[string]int) // of pictures whose own class the model has
	for _, r := range results {
		if r.Image.ItemClass == "" {
			continue
		}
		c, ok := counts[r.Image.ItemClass]
		if !ok {
			c = &count{truths: make(map[string]bool)}
			counts[r.Image.ItemClass] = c
		}
		c.n++
		c.truths[r.Image.Category] = true
		if r.Category == r.Image.Category {
			c.category++
		}
		if known[r.Image.ItemClass] {
			shown[r.ItemClass]++
			if r.ItemClass == r.Image.ItemClass {
				c.class++
			}
		}
	}
	out := make([]Class, 0, len(counts))
	for _, id := range slices.Sorted(maps.Keys(counts)) {
		c := counts[id]
		class := Class{ItemClass: id, Categories: slices.Sorted(maps.Keys(c.truths)), CategoryRecall: proportion(c.category, c.n), Known: known[id]}
		if class.Known {
			class.Recall, class.Precision = proportion(c.class, c.n), proportion(c.class, shown[id])
		}
		out = append(out, class)
	}
	return out
}

func reliability(bins []calibrationBin) []Reliability {
	out := make([]Reliability, len(bins))
	for i, b := range bins {
		out[i] = Reliability{
			Low: round(float64(i) / Bins), High: round(float64(i+1) / Bins), N: b.n,
			Confidence: number(b.sum / float64(b.n)), Accuracy: proportion(b.right, b.n),
		}
	}
	return out
}

// coverage thins a curve to curvePoints points of about equal distance.
func coverage(rc riskCoverage) []Coverage {
	n := len(rc.risk)
	points := min(n, curvePoints)
	out := make([]Coverage, 0, points)
	for k := 1; k <= points; k++ {
		i := (k*n + points - 1) / points // the k-th of points shares, rounded up
		out = append(out, Coverage{
			Coverage: round(float64(i) / float64(n)), Risk: round(rc.risk[i-1]), Confidence: round(rc.confidence[i-1]),
		})
	}
	return out
}

// classwiseECE is the mean over the categories of the calibration error of
// that category's probability, whether or not it is the most probable one.
// Source: Kull et al., "Beyond temperature scaling", NeurIPS 2019. NaN without
// results.
func classwiseECE(results []Result, categories []string) float64 {
	var sum float64
	for i, id := range categories {
		answers := make([]scored, len(results))
		for j, r := range results {
			answers[j] = scored{r.Categories[i], r.Image.Category == id}
		}
		sum += ece(calibrate(answers))
	}
	return sum / float64(len(categories))
}

// Mistake is a picture whose category was not recognised.
type Mistake struct {
	Path       string  `json:"path"`
	Source     string  `json:"source"`
	Category   string  `json:"category"`
	ItemClass  string  `json:"item_class"`
	Recognised string  `json:"recognised"`
	Class      string  `json:"recognised_class"`
	Confidence float64 `json:"confidence"`
	// Told says that it was accused in its own bin.
	Told bool `json:"told"`
}

// mistakes lists up to limit of them, false accusations first, then the
// surest; equal ones in the manifest's order.
func mistakes(results []Result, categories []string, limit int) []Mistake {
	out := []Mistake{}
	for _, r := range results {
		told := r.Verdicts[slices.Index(categories, r.Image.Category)] == verdict.Tell
		if r.Category == r.Image.Category && !told {
			continue
		}
		out = append(out, Mistake{
			Path: r.Path, Source: r.Source, Category: r.Image.Category, ItemClass: r.Image.ItemClass,
			Recognised: r.Category, Class: r.ItemClass, Confidence: round(r.Confidence), Told: told,
		})
	}
	slices.SortStableFunc(out, func(a, b Mistake) int {
		if a.Told != b.Told {
			if a.Told {
				return -1
			}
			return 1
		}
		return cmp.Compare(b.Confidence, a.Confidence)
	})
	return out[:min(len(out), limit)]
}
