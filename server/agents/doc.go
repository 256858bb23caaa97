// Package agents is the server's side of the stations' agents (server/uplink
// is theirs): it gives each the signed bundle that it works by, takes the
// inspections that it has decided, exactly once each, and knows how it does.
//
// It never decides anything about a deposit, and never tells the bin side of
// one: that happened on the spot.
package agents
