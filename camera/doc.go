// Package camera is how pictures come in: a Frame, a Source that delivers
// frames, and, below it, one package for each way a camera speaks. isolate runs
// them in processes of their own, keeper keeps them alive.
//
// It never looks at what a frame shows; finding deposits is vision/deposit's
// work.
package camera
