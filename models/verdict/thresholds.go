package verdict

import (
	"errors"
	"fmt"
	"math"
)

// DefaultThresholds are for a bin whose owner has set none.
//
// Tell is very high because a wrong accusation costs more trust than ten missed
// hints, and because the model is surer of itself than right before things and
// scenes that it was not trained on: of the simulated station's rightly sorted
// deposits 0.8 tells every fourth, 0.98 still 5 of 56, 0.99 one. On unseen
// photographs of its own kinds 0.98 already tells none of 1,730 (0.8: 12).
// What lies between is left to a person. The quality bounds only refuse
// pictures in which a person would see nothing either: product photographs on
// white or of smooth things must still be judged.
func DefaultThresholds() Thresholds {
	return Thresholds{Tell: 0.99, Pass: 0.6, MinSharpness: 4, MinExposure: 0.04, MaxExposure: 0.985}
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
