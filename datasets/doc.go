// Package datasets holds labelled samples: what one is, how it is named and
// how a set of them is written as files that a trainer can read.
//
// It never decides where a class belongs (datasets/taxonomy does) and never
// stores anything itself.
package datasets
