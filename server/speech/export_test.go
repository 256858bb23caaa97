package speech

import "time"

// Forget makes the next question look at the folders.
func (p *Packs) Forget() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.looked = time.Time{}
}

// LimitCache bounds what is kept on disk.
func (s *Service) LimitCache(bytes int64) { s.cache.limit = bytes }
