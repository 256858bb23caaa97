// Package vision is the bottom layer: pictures, regions of interest and
// tensors as plain Go values.
//
// The root package imports no C library; gocv and libturbojpeg live in its
// sub-packages (codec, preprocess, deposit, quality), and what crosses their
// borders are the types of this package, never a gocv.Mat. It never does
// input or output, and it imports nothing of ours.
package vision
