package main

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"runtime"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/binside/binside/bench/limit"
	"github.com/binside/binside/models"
	"github.com/binside/binside/models/ort"
	"github.com/binside/binside/vision/codec"
)

// sample is what one measurement found.
type sample struct {
	images int
	wall   time.Duration
	// cpu is the processor time of the process that did the work; 0 where it
	// was not asked for.
	cpu time.Duration
}

func (s sample) plus(t sample) sample {
	return sample{images: s.images + t.images, wall: s.wall + t.wall, cpu: s.cpu + t.cpu}
}

func (s sample) perSecond() float64 { return float64(s.images) / s.wall.Seconds() }

func (s sample) cpuPerImage() float64 { return s.cpu.Seconds() / float64(s.images) }

// contenders are what is measured in turn.
type contenders struct {
	jpegs   [][]byte
	infos   []codec.Info
	clients int

	limits          []*limit.Worker
	single, batched *models.Pool
	card            *models.Card
	service, peer   *server
	peerThreads     int
}

// batch is the largest batch of the pool that batches.
const batch = 8

func open(ctx context.Context, s settings, folder *models.Folder, jpegs [][]byte, scratch string) (c *contenders, err error) {
	c = &contenders{jpegs: jpegs, clients: s.clients, card: folder.Card}
	defer func() {
		if err != nil {
			err = errors.Join(err, c.close())
		}
	}()
	for _, j := range jpegs {
		info, err := codec.Inspect(j, codec.DefaultLimits())
		if err != nil {
			return c, err
		}
		c.infos = append(c.infos, info)
	}
	for range runtime.GOMAXPROCS(0) {
		w, err := limit.NewWorker(folder, "")
		if err != nil {
			return c, err
		}
		c.limits = append(c.limits, w)
	}
	if c.single, err = newPool(ctx, folder, 1); err != nil {
		return c, err
	}
	if c.batched, err = newPool(ctx, folder, batch); err != nil {
		return c, err
	}
	if c.service, err = startService(ctx, s.binary, filepath.Join(scratch, "service")); err != nil {
		return c, err
	}
	err = c.choosePeer(ctx, s, scratch)
	return c, err
}

func newPool(ctx context.Context, folder *models.Folder, maxBatch int) (*models.Pool, error) {
	network, err := ort.Open(folder, ort.Options{})
	if err != nil {
		return nil, err
	}
	return models.NewPool(ctx, network, models.Options{MaxBatch: maxBatch})
}

// choosePeer starts the Node server with 1 and with 2 threads and keeps the
// faster.
func (c *contenders) choosePeer(ctx context.Context, s settings, scratch string) error {
	fastest := 0.0
	for threads := 1; threads <= 2; threads++ {
		peer, err := startPeer(ctx, s.peer, filepath.Join(scratch, fmt.Sprint("peer", threads)), threads)
		if err != nil {
			return err
		}
		if _, err := c.push(ctx, peer, c.clients, s.span/4); err != nil { // warm-up
			return errors.Join(err, peer.Stop())
		}
		found, err := c.push(ctx, peer, c.clients, s.span)
		if err != nil {
			return errors.Join(err, peer.Stop())
		}
		if found.perSecond() <= fastest {
			return peer.Stop()
		}
		fastest = found.perSecond()
		if c.peer != nil {
			if err := c.peer.Stop(); err != nil {
				return err
			}
		}
		c.peer, c.peerThreads = peer, threads
	}
	return nil
}

func (c *contenders) close() error {
	var errs []error
	for _, s := range []*server{c.peer, c.service} {
		if s != nil {
			errs = append(errs, s.Stop())
		}
	}
	for _, p := range []*models.Pool{c.single, c.batched} {
		if p != nil {
			errs = append(errs, p.Close())
		}
	}
	for _, w := range c.limits {
		errs = append(errs, w.Close())
	}
	return errors.Join(errs...)
}

// repeat calls do from n goroutines until the time is over, and counts the
// calls; do gets the goroutine's number and that of the picture.
func (c *contenders) repeat(ctx context.Context, n int, span time.Duration, do func(worker, picture int) error) (sample, error) {
	var next atomic.Int64
	errs := make([]error, n)
	var workers sync.WaitGroup
	begin := time.Now()
	for worker := range n {
		workers.Go(func() {
			for time.Since(begin) < span && ctx.Err() == nil {
				i := int(next.Add(1)-1) % len(c.jpegs)
				if err := do(worker, i); err != nil {
					errs[worker] = err
					return
				}
			}
		})
	}
	workers.Wait()
	return sample{images: int(next.Load()), wall: time.Since(begin)}, errors.Join(errors.Join(errs...), ctx.Err())
}

// measureLimit uses every core and nothing else.
func (c *contenders) measureLimit(ctx context.Context, span time.Duration) (sample, error) {
	before := ownCPU()
	s, err := c.repeat(ctx, len(c.limits), span, func(worker, i int) error {
		_, err := c.limits[worker].Predict(c.jpegs[i], c.infos[i])
		return err
	})
	s.cpu = ownCPU() - before
	return s, err
}

// pipeline goes from JPEG bytes in memory to the prediction, with all the
// checks that the product makes. Twice as many callers as cores keep the
// pool's workers busy while pictures are decoded.
func (c *contenders) pipeline(ctx context.Context, pool *models.Pool, callers int, span time.Duration) (sample, error) {
	spec := ort.Spec(c.card.Input)
	return c.repeat(ctx, callers, span, func(_, i int) error {
		minW, minH := spec.MinSource(c.infos[i].Width, c.infos[i].Height)
		img, _, err := codec.Decode(c.jpegs[i], codec.DefaultLimits(), codec.Options{MinWidth: minW, MinHeight: minH})
		if err != nil {
			return err
		}
		_, err = pool.Classify(ctx, []models.View{{Image: img}})
		codec.Recycle(img)
		return err
	})
}

// push sends the pictures to a server from a number of clients, each of which
// waits for its answer before the next.
func (c *contenders) push(ctx context.Context, to *server, clients int, span time.Duration) (sample, error) {
	before, err := to.CPU()
	if err != nil {
		return sample{}, err
	}
	s, err := c.repeat(ctx, clients, span, func(worker, i int) error { return to.post(ctx, worker, c.jpegs[i]) })
	if err != nil {
		return s, err
	}
	after, err := to.CPU()
	s.cpu = after - before
	return s, err
}

// round measures everything once. The limit is measured around what it is
// compared with, for other machines' load comes and goes on shared ones.
func (c *contenders) round(ctx context.Context, span time.Duration) (r round, err error) {
	cores := len(c.limits)
	atLimit := func(into *sample) func() (sample, error) {
		return func() (sample, error) {
			s, err := c.measureLimit(ctx, span/2)
			return into.plus(s), err
		}
	}
	for _, step := range []struct {
		into    *sample
		measure func() (sample, error)
	}{
		{&r.limit, atLimit(&r.limit)},
		{&r.pipeline, func() (sample, error) { return c.pipeline(ctx, c.single, 2*cores, span) }},
		{&r.batched, func() (sample, error) { return c.pipeline(ctx, c.batched, batch+2*cores, span) }},
		{&r.limit, atLimit(&r.limit)},
		{&r.push, func() (sample, error) { return c.push(ctx, c.service, cores, span) }},
		{&r.limit, atLimit(&r.limit)},
		{&r.crowded, func() (sample, error) { return c.push(ctx, c.service, c.clients, span) }},
		{&r.node, func() (sample, error) { return c.push(ctx, c.peer, c.clients, span) }},
	} {
		if *step.into, err = step.measure(); err != nil {
			return r, err
		}
	}
	return r, nil
}

// ownCPU is the processor time that this process has used.
func ownCPU() time.Duration {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		panic(err) // only fails for a bad argument
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}
