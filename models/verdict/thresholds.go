package verdict

import (
	"errors"
	"fmt"
	"math"
)

// DefaultAlpha is the share of rightly sorted deposits that may be told at
// most where a bin's owner has set none.
const DefaultAlpha = 0.02

// Alphas that can be set: the least needs 2,995 examples without an error at
// 95% confidence, and past the greatest nobody would speak of trust.
const (
	minAlpha = 0.001
	maxAlpha = 0.2
)

// DefaultThresholds are for a bin whose owner has set none.
//
// Who is told follows from the harm of each mistake under the bound that Alpha
// sets, not from Tell and Pass: at 0.5, Tell only asks that the category that
// is named be more likely than all others together, and Pass asks nothing. The
// quality bounds only refuse pictures in which a person would see nothing
// either: product photographs on white or of smooth things must still be
// judged.
func DefaultThresholds() Thresholds {
	return Thresholds{Alpha: DefaultAlpha, Tell: 0.5, Pass: 0, MinSharpness: 4, MinExposure: 0.04, MaxExposure: 0.985}
}

// alpha is the bound in force: settings that were stored before it could be
// set have none.
func (t Thresholds) alpha() float64 {
	if t.Alpha == 0 {
		return DefaultAlpha
	}
	return t.Alpha
}

// Validate says all that is wrong, each error naming the field, its value and
// what is allowed.
func (t Thresholds) Validate() error {
	var errs []error
	within := func(field string, v, low, high float64) {
		if !(v >= low && v <= high) { // NaN, too
			errs = append(errs, fmt.Errorf("%s is %g, allowed is %g to %g", field, v, low, high))
		}
	}
	if t.Alpha != 0 {
		within("alpha", t.Alpha, minAlpha, maxAlpha)
	}
	// Below one half two categories could be told at once.
	within("tell", t.Tell, 0.5, 1)
	within("pass", t.Pass, 0, 1)
	within("min_exposure", t.MinExposure, 0, 1)
	within("max_exposure", t.MaxExposure, 0, 1)
	if t.MinExposure >= t.MaxExposure {
		errs = append(errs, fmt.Errorf("min_exposure is %g, allowed is less than max_exposure, which is %g", t.MinExposure, t.MaxExposure))
	}
	if !(t.MinSharpness >= 0) || math.IsInf(t.MinSharpness, 0) {
		errs = append(errs, fmt.Errorf("min_sharpness is %g, allowed is a finite number from 0 on", t.MinSharpness))
	}
	return errors.Join(errs...)
}
