package auth

import (
	"fmt"
	"net/netip"
	"time"

	lru "github.com/hashicorp/golang-lru/v2"
	"golang.org/x/time/rate"
)

// Limiter counts failed attempts by address: a burst of failures is free,
// then one more each interval. It remembers a bounded number of addresses,
// the latest ones.
type Limiter struct {
	seen  *lru.Cache[netip.Prefix, *rate.Limiter]
	every time.Duration
	burst int
	now   func() time.Time
}

// Failures that an address may make.
const (
	failureBurst    = 20
	failureInterval = 3 * time.Second
	limiterSize     = 8192
)

// NewLimiter returns a limiter; now is the clock, nil for the real one.
func NewLimiter(now func() time.Time) (*Limiter, error) {
	if now == nil {
		now = time.Now
	}
	c, err := lru.New[netip.Prefix, *rate.Limiter](limiterSize)
	if err != nil {
		return nil, fmt.Errorf("auth: %w", err)
	}
	return &Limiter{seen: c, every: failureInterval, burst: failureBurst, now: now}, nil
}

// Exhausted reports whether the address has no attempt left, and after how
// long it has one.
func (l *Limiter) Exhausted(addr netip.Addr) (wait time.Duration, exhausted bool) {
	r, ok := l.seen.Get(prefixOf(addr))
	if !ok {
		return 0, false
	}
	if tokens := r.TokensAt(l.now()); tokens < 1 {
		return time.Duration((1 - tokens) * float64(l.every)), true
	}
	return 0, false
}

// Failed counts one failure.
func (l *Limiter) Failed(addr netip.Addr) {
	key := prefixOf(addr)
	fresh := rate.NewLimiter(rate.Every(l.every), l.burst)
	r, ok, _ := l.seen.PeekOrAdd(key, fresh)
	if !ok {
		r = fresh
	}
	r.AllowN(l.now(), 1)
}

// prefixOf is what counts as one address: an IPv4 address, or the /64 that
// one IPv6 subscriber has.
func prefixOf(addr netip.Addr) netip.Prefix {
	addr = addr.Unmap().WithZone("")
	bits := addr.BitLen()
	if addr.Is6() {
		bits = 64
	}
	p, err := addr.Prefix(bits)
	if err != nil { // the zero Addr: all strangers share one budget
		return netip.Prefix{}
	}
	return p
}
