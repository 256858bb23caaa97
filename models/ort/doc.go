// Package ort runs a model folder's network with ONNX Runtime.
//
// It is the only package that knows ONNX Runtime (the benchmark's raw limit
// apart). The library is not linked but loaded when the first network is
// opened; FindLibrary says where it is looked for, and package.json beside
// this file pins the build that we test with. Pictures become tensors by
// vision/preprocess, in the runner's own buffer. The package never queues,
// batches or reads a probability: models.Pool does.
package ort
