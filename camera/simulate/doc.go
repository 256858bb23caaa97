// Package simulate is the demonstration station: it composes motion video of
// a station with several bins, seen by one camera, from real photographs of
// items, and it knows the truth about every deposit it shows.
//
// A Station is the place (bins, regions, painted background), a Source plays
// it on a virtual clock for tests, and a Server serves it in real time as
// MJPEG over HTTP, like a camera. Match compares what a detector reported
// with what was really shown.
//
// It never looks into the product: which category is right for which item
// class, and which classes a model knows, are handed in by the caller. It never
// gives the truth to anything but its own truth end points, and none of its
// scenes is meant for training.
//
// The loops over pixels are marked go:norace: they touch pictures of one
// goroutine only, and the race detector makes a frame ten times as long to
// paint (380 ms instead of 35). What calls them is watched.
package simulate
