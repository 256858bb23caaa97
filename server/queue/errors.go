package queue

import (
	"errors"
	"fmt"
)

var (
	// ErrFull says that the stream holds as many bytes as it may. Nothing was
	// queued; the caller may try again later.
	ErrFull = errors.New("queue: full")
	// ErrUnavailable says that the queue did not acknowledge in time, or cannot
	// be reached. The deposit may or may not have been queued; publishing it
	// again under the same ID is safe.
	ErrUnavailable = errors.New("queue: unavailable")
	// ErrTooLarge says that the encoded deposit is larger than a message may
	// be.
	ErrTooLarge = errors.New("queue: deposit too large")
	// ErrClosed says that Close was called.
	ErrClosed = errors.New("queue: closed")
	// ErrNotFound says that there is no dead letter under that number.
	ErrNotFound = errors.New("queue: no such dead letter")
)

type permanentError struct{ err error }

func (e *permanentError) Error() string { return e.err.Error() }
func (e *permanentError) Unwrap() error { return e.err }

type retryError struct{ err error }

func (e *retryError) Error() string { return e.err.Error() }
func (e *retryError) Unwrap() error { return e.err }

// Permanent marks a handler's error as one that no repetition can mend: the
// deposit becomes a dead letter at once. Permanent(nil) is nil.
func Permanent(err error) error {
	if err == nil {
		return nil
	}
	return &permanentError{err}
}

// Retry marks a handler's error as one of the surroundings (the store is
// away, the models are busy): the handler is called again in place, with a
// growing pause, until it succeeds or the service stops; it never makes a
// dead letter. Retry(nil) is nil.
func Retry(err error) error {
	if err == nil {
		return nil
	}
	return &retryError{err}
}

func isPermanent(err error) bool { var p *permanentError; return errors.As(err, &p) }

// IsRetry reports whether an error was marked by Retry.
func IsRetry(err error) bool { var r *retryError; return errors.As(err, &r) }

// Reason gives an error a stable word for metrics.
func Reason(err error) string {
	switch {
	case err == nil:
		return "none"
	case errors.Is(err, ErrFull):
		return "queue-full"
	case errors.Is(err, ErrTooLarge):
		return "queue-too-large"
	case errors.Is(err, ErrUnavailable), errors.Is(err, ErrClosed):
		return "queue-unavailable"
	default:
		return "other"
	}
}

// panicError is what a handler's panic becomes: an ordinary error, so that a
// deposit that makes the handler panic is set aside after a few attempts.
func panicError(v any) error { return fmt.Errorf("queue: handler panicked: %v", v) }
