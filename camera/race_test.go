//go:build race

package camera_test

const raceDetector = true
