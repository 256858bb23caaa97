// Package condition says whether a camera can be believed: frozen, black,
// overexposed, night, blurred, dirty lens, moved, covered, wrong clock.
//
// It looks at a camera's frames about twice a second and compares them with
// what the camera usually shows: how much detail each part of the picture has,
// where its edges lie, and which parts stand out from those beside them. All of
// it is by the brightness of the place and without the sensor's noise, so that
// shadows, lamps and dusk change it little. A fault counts when it has lasted,
// and is over when the picture has been well for a while, so that somebody who
// walks past the lens is no fault, nor who stands right before it for some
// seconds. The kinds are those that cameras themselves report by ONVIF
// (Imaging Service Specification: ImageTooBlurry, ImageTooDark, ImageTooBright,
// GlobalSceneChange), told apart further.
//
// What a camera usually shows can be kept (Monitor.Snapshot) and given to
// another monitor (Restore), so that a camera that is doubted does not become
// normal when the program starts anew. Such a snapshot is of strengths of edges
// in coarse cells, without a pixel of the picture.
//
// The package has no goroutine and no clock of its own, keeps no picture but a
// reduced grey one, and never says what a camera shows. It cannot know that a
// camera was covered or out of focus already when it was first looked at and
// nothing was restored, as long as there is some detail in the picture.
package condition
