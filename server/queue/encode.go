package queue

import (
	"errors"
	"fmt"

	"github.com/fxamacker/cbor/v2"

	"github.com/binside/binside/server/inspection"
)

// encoder writes times with nanoseconds and zone; the library's default cuts
// them to seconds.
var encoder = func() cbor.EncMode {
	m, err := cbor.EncOptions{Time: cbor.TimeRFC3339Nano}.EncMode()
	if err != nil {
		panic(err) // the options are constants
	}
	return m
}()

// decoder refuses what a deposit never holds, so that a hostile message of a
// few bytes cannot claim megabytes.
var decoder = func() cbor.DecMode {
	m, err := cbor.DecOptions{MaxArrayElements: 256, MaxMapPairs: 256, MaxNestedLevels: 8}.DecMode()
	if err != nil {
		panic(err)
	}
	return m
}()

// Encode writes a deposit as it travels: CBOR (RFC 8949) with small integers
// for keys. Times become UTC. What Decode would refuse is refused.
func Encode(d inspection.Deposit) ([]byte, error) {
	if err := check(d); err != nil {
		return nil, fmt.Errorf("queue: encode deposit: %w", err)
	}
	d.CapturedAt, d.ReceivedAt, d.CertainAt = d.CapturedAt.UTC(), d.ReceivedAt.UTC(), d.CertainAt.UTC()
	data, err := encoder.Marshal(d)
	if err != nil {
		return nil, fmt.Errorf("queue: encode deposit %s: %w", d.ID, err)
	}
	return data, nil
}

// Decode reads what Encode wrote. The deposit shares no memory with data.
func Decode(data []byte) (inspection.Deposit, error) {
	var d inspection.Deposit
	if err := decoder.Unmarshal(data, &d); err != nil {
		return d, fmt.Errorf("queue: decode deposit: %w", err)
	}
	if err := check(d); err != nil {
		return d, fmt.Errorf("queue: decode deposit: %w", err)
	}
	d.CapturedAt, d.ReceivedAt, d.CertainAt = d.CapturedAt.UTC(), d.ReceivedAt.UTC(), d.CertainAt.UTC()
	return d, nil
}

// check says what a deposit lacks to be worked on.
func check(d inspection.Deposit) error {
	switch {
	case d.ID == "" || d.BinID == "":
		return errors.New("no id or no bin")
	case len(d.Images) == 0 || len(d.Images) > inspection.MaxImages:
		return fmt.Errorf("%s: %d images", d.ID, len(d.Images))
	}
	return nil
}
