package camera

import "errors"

// Reason says in a word why a camera does not stream, for whoever is to mend it;
// the error's text has the details.
type Reason string

// The reasons.
const (
	Settings    Reason = "settings"    // they can never work: the address, the regions
	Unreachable Reason = "unreachable" // nothing answers there
	Certificate Reason = "certificate" // whoever answers cannot prove who it is
	Denied      Reason = "denied"      // it wants another name or password
	NotFound    Reason = "not-found"   // there is no such stream, file or device
	Refused     Reason = "refused"     // it answers, but gives no stream
	NoPicture   Reason = "no-picture"  // what it sends is no picture that can be taken
	Silent      Reason = "silent"      // it sends nothing in time
	Frozen      Reason = "frozen"      // it sends one picture over and over
	Broken      Reason = "broken"      // the stream ended, or its decoder did
)

// failure is an error with its reason.
type failure struct {
	error
	reason Reason
}

func (f failure) Unwrap() error { return f.error }

// Because gives an error a reason; a nil error stays nil.
func Because(r Reason, err error) error {
	if err == nil {
		return nil
	}
	return failure{err, r}
}

// ReasonOf is the reason of an error that was given one, the outermost; else
// Broken.
func ReasonOf(err error) Reason {
	var f failure
	if errors.As(err, &f) {
		return f.reason
	}
	return Broken
}
