package api

import (
	"net/netip"
	"time"

	lru "github.com/hashicorp/golang-lru/v2"

	"github.com/binside/binside/server/auth"
)

// presence remembers where tokens were last shown from over HTTP, in this
// process. The records know only when, to the minute.
type presence struct{ seen *lru.Cache[string, contact] }

type contact struct {
	from      netip.Addr
	since, at time.Time
}

const (
	presenceSize = 4096
	// hereFor is how long a device that is heard of every now and then counts as
	// connected: the records know a token's last use to the minute, and it is noted
	// only after another.
	hereFor = 150 * time.Second
)

func newPresence() (*presence, error) {
	c, err := lru.New[string, contact](presenceSize)
	return &presence{c}, err
}

// met notes that a token was shown.
func (p *presence) met(who *auth.Principal, from netip.Addr, now time.Time) {
	if who.Kind != auth.ByToken {
		return
	}
	c, known := p.seen.Get(who.ID)
	if !known || now.Sub(c.at) > hereFor {
		c.since = now
	}
	c.from, c.at = from.Unmap(), now
	p.seen.Add(who.ID, c)
}
