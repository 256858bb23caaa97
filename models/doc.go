// Package models is what a classifier is to the rest of the service: its
// card, its predictions and the pool that runs it under bounded admission.
//
// Running the network is models/ort's work, deciding on a verdict
// models/verdict's, training models/training's. The package never knows a
// station, a bin or a camera, and it imports no C library: those who only
// read a prediction need none.
package models
