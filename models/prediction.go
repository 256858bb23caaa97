package models

// ClassProbability is the calibrated probability of one item class.
type ClassProbability struct {
	Class       string  `json:"class" doc:"Item class as the model's card names it" example:"battery"`
	Probability float64 `json:"probability" minimum:"0" maximum:"1"`
}

// Prediction is what a model says of one deposit: probabilities per item
// class that sum to 1, sorted from most to least probable, and the version of
// the model that said it.
type Prediction struct {
	ModelVersion string             `json:"model_version"`
	Classes      []ClassProbability `json:"classes"`
	// Strangeness says how unlike everything the model was trained on the
	// deposit looks: 0 is what it knows best, above 1 is stranger
	// than nearly all of it, so that the probabilities mean nothing. 0 from a
	// model that does not measure it. The mean over the views.
	Strangeness float64 `json:"strangeness" minimum:"0"`
	// Agreement is the share of the views whose own most probable class is
	// the whole's; 1 for a single view.
	Agreement float64 `json:"agreement" minimum:"0" maximum:"1"`
}
