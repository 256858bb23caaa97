// Package explain says which parts of a picture a prediction rests on, by
// occlusion sensitivity: a square is slid over the item, and where covering it
// makes the category less likely, there was evidence for it (Zeiler & Fergus,
// "Visualizing and Understanding Convolutional Networks", ECCV 2014,
// arXiv:1311.2901, section 4.2).
//
// It asks nothing of a model but Classify, so it explains any that the
// service can run, exactly as it is run. It is for a person who asks about one
// deposit: dozens of inferences, a few at a time, never on a deposit's own
// path. It knows no station, bin or verdict, and stores nothing.
package explain
