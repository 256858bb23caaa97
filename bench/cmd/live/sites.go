package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"path/filepath"
	"slices"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/binside/binside/bench/service"
	"github.com/binside/binside/bench/station"
	"github.com/binside/binside/camera/simulate"
	"github.com/binside/binside/models/base"
)

// cameras are the kinds of the cameras, and how RTSP's packets travel.
var cameras = []struct{ kind, transport string }{{"mjpeg", ""}, {"mjpeg", ""}, {"rtsp", "tcp"}, {"rtsp", "udp"}}

// site is a station with one camera and a screen.
type site struct {
	id              string
	kind, transport string
	reel            *simulate.Reel
	play            *simulate.Server
	web             *http.Server
	rtsp            *simulate.RTSP
	screen          *screen
}

type sites []*site

// painters is how many plays are painted at once.
const painters = 2

// paint prepares what the cameras show.
func paint(ctx context.Context, s settings, scratch string) (sites, error) {
	folder, err := base.Load()
	if err != nil {
		return nil, err
	}
	like, err := station.Options(0, folder.Card.Classes)
	if err != nil {
		return nil, err
	}
	all := make(sites, len(cameras))
	work, ctx := errgroup.WithContext(ctx)
	work.SetLimit(painters)
	for n, c := range cameras {
		st := &site{id: fmt.Sprintf("live-%d", n+1), kind: c.kind, transport: c.transport}
		all[n] = st
		opts := like
		opts.Seed, opts.WrongShare, opts.Bins = s.seed+uint64(n), 0.5, slices.Clone(like.Bins)
		for i := range opts.Bins {
			opts.Bins[i].ID = st.id + "-" + opts.Bins[i].ID
		}
		work.Go(func() (err error) {
			st.reel, err = simulate.Record(ctx, opts, s.deposits, filepath.Join(scratch, st.id))
			return err
		})
	}
	return all, work.Wait()
}

// length is how long the longest play takes.
func (all sites) length() time.Duration {
	longest := slices.MaxFunc(all, func(a, b *site) int { return int(a.reel.Length() - b.reel.Length()) })
	return longest.reel.Length()
}

// open starts the cameras and the screens and sets the stations up.
func (all sites) open(ctx context.Context, server *service.Server, log *slog.Logger) error {
	for _, s := range all {
		if err := s.open(ctx, server, log); err != nil {
			return fmt.Errorf("%s: %w", s.id, err)
		}
	}
	return nil
}

func (s *site) open(ctx context.Context, server *service.Server, log *slog.Logger) (err error) {
	if s.play, err = s.reel.Play(1, log, nil); err != nil { //nolint:contextcheck // it plays until it is closed
		return err
	}
	url, err := s.serve(ctx, log)
	if err != nil {
		return err
	}
	if err := server.Create(ctx, "/api/v1/stations", map[string]any{"id": s.id, "name": s.id}); err != nil {
		return err
	}
	var regions []map[string]any
	for _, b := range s.play.Describe().Bins {
		bin := map[string]any{"id": b.ID, "name": b.ID, "accepts": b.Accepts}
		if err := server.Create(ctx, "/api/v1/stations/"+s.id+"/bins", bin); err != nil {
			return err
		}
		regions = append(regions, map[string]any{"bin_id": b.ID, "polygon": b.Region})
	}
	if s.screen, err = openScreen(ctx, server, s.id); err != nil {
		return err
	}
	camera := map[string]any{"id": s.camera(), "name": s.id, "kind": s.kind, "url": url, "regions": regions}
	if s.transport != "" {
		camera["transport"] = s.transport
	}
	return server.Create(ctx, "/api/v1/stations/"+s.id+"/cameras", camera)
}

func (s *site) camera() string { return s.id + "-camera" }

// serve shows the play on the network; the address of its stream.
func (s *site) serve(ctx context.Context, log *slog.Logger) (url string, err error) {
	if s.kind == "rtsp" {
		if s.rtsp, err = simulate.StartRTSP(ctx, s.play, "127.0.0.1:0", log); err != nil {
			return "", err
		}
		return s.rtsp.URL(), nil
	}
	var lc net.ListenConfig
	ln, err := lc.Listen(ctx, "tcp", "127.0.0.1:0")
	if err != nil {
		return "", err
	}
	s.web = &http.Server{Handler: s.play.Handler(), ReadHeaderTimeout: 5 * time.Second}
	go func() { _ = s.web.Serve(ln) }() // ends with close
	return "http://" + ln.Addr().String() + "/stream.mjpg", nil
}

// tail is how long after the last play's end the answers are waited for.
const tail = 15 * time.Second

// watch waits until everything has been shown and answered.
func (all sites) watch(ctx context.Context, say func(string, ...any)) error {
	end := time.NewTimer(all.length() + tail)
	defer end.Stop()
	tick := time.NewTicker(time.Minute)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-tick.C:
			shown, answered := 0, 0
			for _, s := range all {
				shown += len(s.play.Truth(0).Events)
				answered += s.screen.count()
			}
			say("  %d deposits shown, %d answered at a screen", shown, answered)
		case <-end.C:
			return nil
		}
	}
}

func (all sites) close() error {
	var errs []error
	for _, s := range all {
		if s.screen != nil {
			s.screen.close()
		}
		if s.rtsp != nil {
			errs = append(errs, s.rtsp.Close())
		}
		if s.web != nil {
			errs = append(errs, s.web.Close())
		}
		if s.play != nil {
			errs = append(errs, s.play.Close())
		}
		if s.reel != nil {
			errs = append(errs, s.reel.Close())
		}
	}
	return errors.Join(errs...)
}
