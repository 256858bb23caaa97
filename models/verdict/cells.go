package verdict

import (
	"fmt"
	"slices"

	"github.com/binside/binside/datasets/taxonomy"
	"github.com/binside/binside/models"
)

// example is one photograph of the risk sample.
type example struct {
	reading
	truth, group int
}

func (p *Policy) addExamples(sample *models.RiskSample) error {
	groups := make(map[string]int)
	ids := p.tax.CategoryIDs()
	byCategory := p.tax.ID == taxonomy.Default().ID
	for i := range sample.Rows {
		row := &sample.Rows[i]
		truth, ok := p.classes[row.Class]
		if byCategory {
			if truth = slices.Index(ids, row.Category); truth < 0 {
				return fmt.Errorf("row %d: category is %q, allowed are %q", i+1, row.Category, ids)
			}
		} else if !ok {
			continue
		}
		group, ok := groups[row.Group]
		if !ok {
			group = len(groups)
			groups[row.Group] = group
		}
		_, r := p.read(row.Prediction(sample.Classes))
		p.examples = append(p.examples, example{r, truth, group})
	}
	return nil
}

// newCell works out a bin's bound: from the station's own record where that is
// enough, else from the finest level of the risk sample that is.
func (p *Policy) newCell(key cellKey, record *Record) *cell {
	c := &cell{bin: newBin(p.tax, key.accepts)}
	if c.bin.known {
		c.bound = p.pooled(c.bin, key)
	} else {
		c.bound = Bound{Level: LevelNone, Upper: 1}
	}
	c.bound.Alpha, c.bound.Confidence = key.alpha, p.confidence
	if record != nil && c.bin.known {
		record.apply(&c.bound)
	}
	return c
}

// pooled finds the finest level with enough examples. At a coarser one than
// the bin's own, the share of the bin's own examples that are told is held to
// alpha as well: no confidence follows from so few, but a bin that is much
// worse than its pool shows.
func (p *Policy) pooled(b *bin, key cellKey) Bound {
	delta := 1 - p.confidence
	own := p.scores(b, func(truth int) bool { return b.accepted[truth] })
	for _, level := range []struct {
		name   Level
		scores []float64
	}{
		{LevelBin, own},
		{LevelAll, p.scores(b, func(int) bool { return true })},
	} {
		n := len(level.scores)
		allowed := allowedErrors(n, key.alpha, delta)
		if allowed < 0 {
			continue
		}
		at := max(limit(level.scores, allowed), limit(own, int(key.alpha*float64(len(own)))))
		told := countFrom(level.scores, at)
		return Bound{
			Level: level.name, N: n, Allowed: allowed, Told: told, TellAt: at, Upper: upperBound(told, n, p.confidence),
		}
	}
	return Bound{Level: LevelNone, N: len(own), Upper: 1}
}

// scores are those of the examples whose truth is asked for, each thrown into
// b where that accepts it and else into its own category's bin: one score a
// group of near-duplicates, their highest.
func (p *Policy) scores(b *bin, asked func(truth int) bool) []float64 {
	own := make([]*bin, len(p.tax.Categories))
	highest := make(map[int]float64)
	for i := range p.examples {
		e := &p.examples[i]
		if !asked(e.truth) {
			continue
		}
		at := b
		if !b.accepted[e.truth] {
			if own[e.truth] == nil {
				own[e.truth] = newBin(p.tax, 1<<e.truth)
			}
			at = own[e.truth]
		}
		highest[e.group] = max(highest[e.group], at.tellScore(&e.reading))
	}
	scores := make([]float64, 0, len(highest))
	for _, s := range highest {
		scores = append(scores, s)
	}
	return scores
}

// sharesOf remembers what throwInto finds.
func (p *Policy) sharesOf(c *cell, th Thresholds) Shares {
	key := sharesKey{c, th.Tell, th.Pass}
	p.mu.RLock()
	found, ok := p.shares[key]
	p.mu.RUnlock()
	if ok {
		return found
	}
	found = p.throwInto(c.bin, c.bound.TellAt, th)
	p.mu.Lock()
	defer p.mu.Unlock()
	if len(p.shares) >= mostCells {
		clear(p.shares)
	}
	p.shares[key] = found
	return found
}

// throwInto throws every example into the bin.
func (p *Policy) throwInto(b *bin, tellAt float64, th Thresholds) Shares {
	type tally struct{ n, tell, check, pass float64 }
	var all, right, wrong tally
	for i := range p.examples {
		e := &p.examples[i]
		kind := &wrong
		if b.accepted[e.truth] {
			kind = &right
		}
		v, _ := b.rule(&e.reading, b.weigh(&e.reading), tellAt, p.tax.Harm.Check, th)
		for _, t := range []*tally{&all, kind} {
			t.n++
			switch v {
			case Tell:
				t.tell++
			case Check:
				t.check++
			default:
				t.pass++
			}
		}
	}
	share := func(count float64, of tally) float64 { return count / max(of.n, 1) }
	return Shares{
		N: int(all.n), NRight: int(right.n), Check: share(all.check, all),
		CheckOfRight: share(right.check, right), TellOfRight: share(right.tell, right),
		CheckOfWrong: share(wrong.check, wrong), TellOfWrong: share(wrong.tell, wrong), PassOfWrong: share(wrong.pass, wrong),
	}
}
