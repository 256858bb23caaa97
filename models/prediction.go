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
}
