// Package deposit finds deposits in a camera's frames: something enters a
// bin's region, settles there, and leaves or stays. One such event becomes one
// Event with the one to three best pictures of it. Taking something out that
// lay there is an Event too, without pictures.
//
// How it works. Every region is reduced to a small raster of cells and compared
// with a background model that follows slow light by adaptation and quick light
// by a gain per colour channel, measured over the whole view. What differs is
// foreground; a state machine for each region waits until the foreground holds
// still, tells an item from a shadow or from a thing that was taken away by its
// contour, and then is disarmed until the region is clear again.
//
// Whose visit something belongs to. A visit begins when something comes into an
// idle region, or reaches over its edge towards a thing that rests there; a thing
// whose hand has left is background from then on at the latest, and known by its
// cells: when half of them show again what it hid, it has been taken away.
//
// What it needs. At least 8 frames a second: every rule is in seconds and shares,
// and with 8 frames or more the answers are those of 30 (a test of binside's
// detect command plays one clip at seven rates). With 5 they mostly are; with
// fewer, a hand comes and goes between two frames: things are still found, but two
// visits in a row can become one. A region should be a bin's opening: whoever
// stands quite still wholly inside one, as a person far away from the camera can,
// is taken for a thing.
//
// The package is plain Go: no C library, no goroutine, no clock of its own. A
// Detector's answers depend on nothing but the frames, their times and the
// configuration (the random part of an event's id aside). It never says what an
// item is, and its events hold no pixel from outside the region's polygon.
//
// The loops over all cells are marked go:norace: they touch one goroutine's
// buffers only, and the race detector would make the tests several times as
// long. What calls them is watched, so that a Detector which two goroutines use
// is still found.
package deposit
