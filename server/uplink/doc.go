// Package uplink is a station agent's side of its server (server/agents is the
// other): it pulls the bundle that the station works by, hands in every
// inspection that was decided here, measures the clock, reports how the
// station does, and keeps the disk within its bounds.
//
// Nothing of the station waits for it. What the server lacks lies in the
// outbox of the station's own records, where it was put in the same
// transaction as the inspection, until the server has said that it is on its
// disk; the server stores the same record once, however often it comes.
package uplink
