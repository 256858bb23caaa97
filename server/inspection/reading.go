package inspection

import (
	"math"
	"strconv"
	"strings"

	"github.com/binside/binside/models"
	"github.com/binside/binside/vision/condition"
)

// ReasonBin is the reason of a check at a bin that accepts a category which
// the taxonomy in force does not have; it stands beside verdict's own.
const ReasonBin = "bin-outside-taxonomy"

// ReasonBinRemoved is the reason of a check of a deposit whose bin was removed
// while it was on its way.
const ReasonBinRemoved = "bin-removed"

// ReasonHidden is the reason of an unreadable deposit of whose every picture most
// was painted over, because somebody seemed to be in it.
const ReasonHidden = "hidden-by-redaction"

// reasonCamera begins the reason of what a camera in bad condition showed.
const reasonCamera = "camera-"

// ReasonCamera is the reason of an unreadable deposit whose camera could not be
// believed: "camera-dirty".
func ReasonCamera(kind condition.Kind) string { return reasonCamera + string(kind) }

// OfCamera reports whether a reason is of that kind, and which.
func OfCamera(reason string) (kind condition.Kind, ok bool) {
	word, ok := strings.CutPrefix(reason, reasonCamera)
	return condition.Kind(word), ok
}

// Reading is what the models and the picture's quality said of a deposit,
// beside Inspection.Classes: with it a deposit can be judged again under
// another taxonomy or other rules, without its picture. The API shows it only
// to who asks for all classes.
type Reading struct {
	// Rest are the item classes after those in Inspection.Classes, from most
	// to least probable, as NewReading rounds them.
	Rest []models.ClassProbability
	// Sharpness and Exposure are the best image's; see vision/quality.
	Sharpness, Exposure float64
}

const (
	// digits of a probability that are kept: what a category has of Rest is
	// off by a 2,000th of itself at most.
	digits = 4
	// negligible probabilities are left out.
	negligible = 1e-6
	// utterly stands for a measure that is no finite number.
	utterly = 1e9
)

// NewReading keeps of a prediction, whose classes are sorted, what is not
// among the first top of them: probabilities to four significant digits, and
// none below 1e-6. best is the deposit's best image.
func NewReading(p models.Prediction, top int, best *Image) *Reading {
	r := &Reading{Sharpness: finite(best.Sharpness), Exposure: finite(best.Exposure)}
	for _, c := range p.Classes[min(top, len(p.Classes)):] {
		if c.Probability >= negligible {
			r.Rest = append(r.Rest, models.ClassProbability{Class: c.Class, Probability: round(c.Probability)})
		}
	}
	return r
}

// round keeps the significant digits; ParseFloat reads what FormatFloat wrote.
func round(p float64) float64 {
	out, err := strconv.ParseFloat(strconv.FormatFloat(p, 'g', digits, 64), 64)
	if err != nil {
		return p
	}
	return out
}

func finite(v float64) float64 {
	if math.IsNaN(v) || math.IsInf(v, 0) {
		return utterly
	}
	return v
}

// AllClasses are Classes and, where a reading was kept, all others.
func (i *Inspection) AllClasses() []models.ClassProbability {
	if i.Reading == nil {
		return i.Classes
	}
	return append(i.Classes[:len(i.Classes):len(i.Classes)], i.Reading.Rest...)
}
