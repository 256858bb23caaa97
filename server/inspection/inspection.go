// Package inspection is the domain of deposits and what became of them: the
// deposit as it travels through the queue, the inspection as it is stored, a
// supervisor's review of it.
//
// It never stores, sends or decides anything itself.
package inspection

import (
	"time"

	"github.com/binside/binside/models"
	"github.com/binside/binside/models/verdict"
	"github.com/binside/binside/vision/condition"
)

// Source says how a deposit came in.
type Source string

// Where a deposit comes from.
const (
	FromPush   Source = "push"   // a whole deposit posted to a bin
	FromStream Source = "stream" // found by the detector in a camera's frames
)

// Box is a rectangle in pixels of the image it belongs to: Min inclusive, Max
// exclusive.
type Box struct {
	MinX int `json:"min_x" cbor:"1,keyasint"`
	MinY int `json:"min_y" cbor:"2,keyasint"`
	MaxX int `json:"max_x" cbor:"3,keyasint"`
	MaxY int `json:"max_y" cbor:"4,keyasint"`
}

// Deposit is one event at one bin on its way to the models: a few best frames
// and where they come from. Its ID is a UUIDv7 given when the event began and
// kept for ever.
type Deposit struct {
	ID         string    `cbor:"1,keyasint"`
	StationID  string    `cbor:"2,keyasint"`
	BinID      string    `cbor:"3,keyasint"`
	CameraID   string    `cbor:"4,keyasint,omitempty"`
	Source     Source    `cbor:"5,keyasint"`
	CapturedAt time.Time `cbor:"6,keyasint"`
	ReceivedAt time.Time `cbor:"7,keyasint"`
	// Images are 1 to 8, best first.
	Images []Image `cbor:"8,keyasint"`
	// Condition is what kept the camera from being believed when the deposit
	// was found; empty where nothing did.
	Condition condition.Kind `cbor:"9,keyasint,omitempty"`
	// CertainAt is the time of the last frame that shows the item, with which
	// the detector became certain; zero for a pushed deposit.
	CertainAt time.Time `cbor:"10,keyasint"`
}

// MaxImages is how many images a deposit may hold.
const MaxImages = 8

// Image is one frame of a deposit: the bin's region only, everything outside
// it already masked, without metadata.
type Image struct {
	JPEG   []byte `cbor:"1,keyasint"`
	Width  int    `cbor:"2,keyasint"`
	Height int    `cbor:"3,keyasint"`
	// Item is where the item is in the image, nil where nobody looked.
	Item *Box `cbor:"4,keyasint,omitempty"`
	// Sharpness and Exposure are vision/quality's measures of the item's part.
	Sharpness float64 `cbor:"5,keyasint"`
	Exposure  float64 `cbor:"6,keyasint"`
}

// Inspection is the stored record of a deposit. Its ID is the deposit's.
type Inspection struct {
	ID string `json:"id" format:"uuid"`
	// Seq grows by one with every inspection stored, in the order of storing.
	Seq        int64     `json:"seq"`
	StationID  string    `json:"station_id"`
	BinID      string    `json:"bin_id"`
	CameraID   string    `json:"camera_id,omitempty"`
	Source     Source    `json:"source" enum:"push,stream"`
	CapturedAt time.Time `json:"captured_at"`
	ReceivedAt time.Time `json:"received_at"`
	DecidedAt  time.Time `json:"decided_at"`

	Verdict verdict.Verdict `json:"verdict" enum:"pass,tell,check,unreadable"`
	// Reason is the rule that fired, a stable word such as
	// "other-category-sure".
	Reason string `json:"reason"`
	// Category and ItemClass are the most probable ones.
	Category   string             `json:"category"`
	ItemClass  string             `json:"item_class"`
	Confidence float64            `json:"confidence" doc:"Probability of the category"`
	Categories map[string]float64 `json:"categories" doc:"Probability of every category"`
	// Classes are the most probable item classes, at most five.
	Classes []models.ClassProbability `json:"classes"`
	// Agreement and Strangeness are the prediction's; nil in records from
	// before they were kept.
	Agreement   *float64 `json:"agreement,omitempty" minimum:"0" maximum:"1" doc:"Share of the deposit's frames whose own most probable item class is the whole's; absent in old records"`
	Strangeness *float64 `json:"strangeness,omitempty" minimum:"0" doc:"How unlike everything the model was trained on it looks: above 1, stranger than nearly all of it; 0 from a model that does not measure it; absent in old records"`
	// Score is the expected harm of saying nothing over that of telling, and
	// TellAt the least that is told (0: nobody is). Miss is the expected harm
	// of saying nothing, and PassAt the most that passes. BoundLevel says of
	// which deposits the bound behind TellAt was taken. All are empty in
	// records of before rules-2026.11.2.
	Score      float64       `json:"score" doc:"Expected harm of saying nothing over that of telling"`
	TellAt     float64       `json:"tell_at" doc:"Least score that is told; 0: nobody is told"`
	Miss       float64       `json:"miss" doc:"Expected harm of saying nothing"`
	PassAt     float64       `json:"pass_at" doc:"Most expected harm that passes"`
	BoundLevel verdict.Level `json:"bound_level,omitempty" doc:"Of which deposits the bound behind tell_at was taken"`
	// Reading is what else the verdict rested on, nil where it was not kept.
	Reading *Reading `json:"-" cbor:"reading,omitempty"`
	// Accepts are the bin's categories when it was decided.
	Accepts         []string `json:"accepts"`
	ModelVersion    string   `json:"model_version"`
	TaxonomyVersion string   `json:"taxonomy_version"`
	HarmVersion     string   `json:"harm_version,omitempty"`
	RuleVersion     string   `json:"rule_version"`

	Evidence []Evidence `json:"evidence"`
	// Sampled marks a pass whose evidence was kept by chance.
	Sampled bool    `json:"sampled"`
	Review  *Review `json:"review,omitempty"`
	// Prompt is what the bin side was told of it; nil where it was not.
	Prompt *Prompt `json:"prompt,omitempty"`
	// Steps travel with the announcement and are stored with the prompt alone.
	Steps *Steps `json:"-" cbor:"steps,omitempty"`
	// Relay is set where a station's agent decided and handed it in: the bin
	// side is that agent's.
	Relay *Relay `json:"relay,omitempty" doc:"Set where the station's agent decided it and handed it in"`
}

// Relay says how an inspection came from a station's agent.
type Relay struct {
	HandedAt time.Time `json:"handed_at"`
	// ClockOffset was added to all its times: the server's clock less the
	// station's, in microseconds.
	ClockOffset int64 `json:"clock_offset_us" doc:"What was added to all its times because the station's clock differed from the server's, in microseconds"`
}

// Flagged reports whether the deposit waits for a person or was told to the
// resident.
func (i *Inspection) Flagged() bool { return i.Verdict == verdict.Tell || i.Verdict == verdict.Check }

// Evidence is one stored image of an inspection.
type Evidence struct {
	// Ordinal numbers the images of an inspection from 0, best first.
	Ordinal int    `json:"ordinal"`
	Key     string `json:"key" doc:"Name in object storage"`
	SHA256  string `json:"sha256"`
	Bytes   int    `json:"bytes"`
	Width   int    `json:"width"`
	Height  int    `json:"height"`
	Item    *Box   `json:"item,omitempty"`
	// ExpiresAt is when retention ends; DeletedAt when the image was removed.
	ExpiresAt time.Time  `json:"expires_at"`
	DeletedAt *time.Time `json:"deleted_at,omitempty"`
}

// Decision is what a supervisor says of a flagged deposit.
type Decision string

// The decisions that there are.
const (
	Confirmed  Decision = "confirmed"  // the verdict's category is right
	Relabelled Decision = "relabelled" // it is something else
)

// Review is a supervisor's decision with who and when.
type Review struct {
	Decision  Decision  `json:"decision" enum:"confirmed,relabelled"`
	Category  string    `json:"category"`
	ItemClass string    `json:"item_class,omitempty"`
	By        string    `json:"by"`
	At        time.Time `json:"at"`
}

// Filter selects inspections; zero values select all.
type Filter struct {
	StationID, BinID string
	Verdicts         []verdict.Verdict
	From, To         time.Time // by CapturedAt, From inclusive, To exclusive
	// Unreviewed keeps only inspections without a review that no resident has
	// put right.
	Unreviewed bool
	// Appealed keeps only inspections that a resident has objected to.
	Appealed bool
	// BeforeSeq pages backwards from the newest: only inspections with a
	// smaller Seq. AfterSeq resumes a stream: only inspections with a greater
	// Seq, oldest first.
	BeforeSeq, AfterSeq int64
	// Limit is 1 to 200, default 50.
	Limit int
}
