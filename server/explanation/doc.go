// Package explanation answers a supervisor's "why": what the record of an
// inspection says of its own decision, in words and figures, and on request a
// heat map over the evidence.
//
// The words come from the record alone and cost nothing. The heat map costs
// dozens of inferences: it is made when somebody asks, one at a time, shared by
// all who ask for the same, ended when nobody waits for it any more, and kept
// in memory for a while. Deposits never wait for it: it takes one place in the
// models' queue at a time, and yields when that is full.
//
// The package decides nothing and changes no record.
package explanation
