package models

import (
	"context"
	"fmt"
	"sync/atomic"
	"time"
)

// job is one deposit in the queue.
type job struct {
	ctx    context.Context //nolint:containedctx // the caller's, on its way through the queue to a worker
	views  []View
	queued time.Time
	// state decides who has the job: the caller, who may give up (abandon),
	// or a worker (claim). Whoever changes it first wins.
	state atomic.Int32
	// Below: the worker's until done is closed, then the caller's.
	votes      votes
	seen       int
	prediction Prediction
	err        error
	done       chan struct{}
}

const (
	waiting int32 = iota
	claimed
	abandoned
)

func (j *job) claim() bool   { return j.state.CompareAndSwap(waiting, claimed) }
func (j *job) abandon() bool { return j.state.CompareAndSwap(waiting, abandoned) }

// worker runs one runner until the pool's queue is closed and empty.
type worker struct {
	pool   *Pool
	runner *genRunner
	jobs   []*job // of the batch at hand
	rows   []row  // of the run at hand
}

// row is one view of one job.
type row struct {
	job  *job
	view int
}

func (w *worker) run() {
	defer func() {
		if err := w.runner.close(); err != nil {
			w.pool.opts.Logger.Error("closing a model's runner", "error", err)
		}
	}()
	for {
		select {
		case first, open := <-w.pool.queue:
			if !open {
				return
			}
			w.follow()
			w.collect(first)
			w.classify()
		case <-w.runner.gen.superseded:
			w.follow()
		}
	}
}

// follow changes to the current generation, if that is another one.
func (w *worker) follow() {
	p := w.pool
	if p.current.Load() == w.runner.gen {
		return
	}
	next := p.takeWarm()
	if next == nil {
		return // swapped once more between the two lines: the next round finds it
	}
	old := w.runner
	w.runner = next
	if err := old.close(); err != nil {
		p.opts.Logger.Error("closing a swapped model's runner", "model", old.gen.card.Version, "error", err)
	}
}

// collect claims first and, as long as the batch has room, whatever else is
// queued already; it never waits.
func (w *worker) collect(first *job) {
	w.jobs = w.jobs[:0]
	rows := 0
	for j := first; j != nil; {
		if w.take(j) {
			rows += len(j.views)
		}
		j = nil
		if rows < w.pool.opts.MaxBatch {
			select {
			case j = <-w.pool.queue: // nil when closed
			default:
			}
		}
	}
}

// take claims a job unless its caller has given up or would not wait for the
// answer any more.
func (w *worker) take(j *job) bool {
	p := w.pool
	if !j.claim() {
		return false // counted by its caller
	}
	if err := j.ctx.Err(); err != nil {
		p.refuse("deadline", &p.counts.deadline)
		j.finish(fmt.Errorf("%w: %w", ErrDeadline, err))
		return false
	}
	p.metrics.wait.Observe(time.Since(j.queued).Seconds())
	j.votes.logits = make([]float32, 0, len(j.views)*len(w.runner.gen.card.Classes))
	w.jobs = append(w.jobs, j)
	return true
}

func (j *job) finish(err error) {
	j.err = err
	close(j.done)
}

// classify runs the batch's views, at most MaxBatch at a time, and answers
// each job as soon as all its views were seen.
func (w *worker) classify() {
	running := &w.pool.counts.running
	running.Add(int64(len(w.jobs)))
	defer running.Add(-int64(len(w.jobs)))
	w.rows = w.rows[:0]
	for _, j := range w.jobs {
		for v := range j.views {
			w.rows = append(w.rows, row{j, v})
			if len(w.rows) == w.pool.opts.MaxBatch {
				w.flush()
			}
		}
	}
	w.flush()
	clear(w.jobs) // keep no pictures alive
	clear(w.rows[:cap(w.rows)])
}

// flush runs the rows at hand.
func (w *worker) flush() {
	if len(w.rows) == 0 {
		return
	}
	out, err := w.infer()
	classes := len(w.runner.gen.card.Classes)
	for i, r := range w.rows {
		j := r.job
		if err != nil {
			j.err = err
		} else {
			j.votes.logits = append(j.votes.logits, out.Logits[i*classes:(i+1)*classes]...)
			if len(out.Strangeness) > 0 {
				j.votes.strangeness = append(j.votes.strangeness, out.Strangeness[i])
			}
		}
		if j.seen++; j.seen == len(j.views) {
			w.answer(j)
		}
	}
	w.rows = w.rows[:0]
}

// infer fills the input with the rows at hand and runs them.
func (w *worker) infer() (Outputs, error) {
	m, r := w.pool.metrics, w.runner
	start := time.Now()
	for i, row := range w.rows {
		if err := r.Set(i, row.job.views[row.view]); err != nil {
			return Outputs{}, fmt.Errorf("models: %w", err)
		}
	}
	ready := time.Now()
	m.preprocess.Observe(ready.Sub(start).Seconds())
	m.batch.Observe(float64(len(w.rows)))
	out, err := r.Run(len(w.rows))
	m.inference.Observe(time.Since(ready).Seconds())
	if err != nil {
		return Outputs{}, fmt.Errorf("models: run %s: %w", r.gen.card.Version, err)
	}
	return out, nil
}

func (w *worker) answer(j *job) {
	p, err := w.pool, j.err
	if err == nil {
		j.prediction, err = w.runner.gen.card.predict(j.votes)
	}
	if err != nil {
		p.counts.failed.Add(1)
		p.metrics.failed.Inc()
		p.opts.Logger.Error("classify", "error", err)
	} else {
		p.counts.done.Add(1)
		p.metrics.done.Inc()
		if len(j.views) > 1 {
			p.metrics.agreement.Observe(j.prediction.Agreement)
		}
		p.metrics.strangeness.Observe(j.prediction.Strangeness)
	}
	j.finish(err)
}
