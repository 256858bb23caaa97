package main

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"sync"
	"time"

	"github.com/binside/binside/bench/service"
	"github.com/binside/binside/server/inspection"
)

// screen reads what a station's screen is told, and reports it back as the page
// does. It draws nothing: a screen has a machine of its own.
type screen struct {
	server  *service.Server
	station string
	cancel  context.CancelFunc
	done    sync.WaitGroup

	mu      sync.Mutex
	arrived map[string]arrival // by deposit
	failed  error
}

// arrival is when an answer was at the screen, and when the frame came in with
// which the deposit was certain.
type arrival struct{ at, frame time.Time }

// openScreen subscribes; it returns when the first state has come.
func openScreen(ctx context.Context, server *service.Server, station string) (*screen, error) {
	ctx, cancel := context.WithCancel(ctx)
	s := &screen{server: server, station: station, cancel: cancel, arrived: make(map[string]arrival)}
	path := "/api/v1/stations/" + station + "/screen/events"
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, server.Base+path, nil)
	if err != nil {
		cancel()
		return nil, err
	}
	req.Header.Set("Authorization", "Bearer "+server.Token)
	res, err := (&http.Client{}).Do(req) // a stream has no end
	if err != nil {
		cancel()
		return nil, err
	}
	if res.StatusCode != http.StatusOK {
		cancel()
		return nil, errors.Join(fmt.Errorf("GET %s: %s", path, res.Status), res.Body.Close())
	}
	ready := make(chan struct{})
	s.done.Go(func() {
		defer func() { _ = res.Body.Close() }()
		err := s.read(ctx, res.Body, ready)
		if ctx.Err() == nil {
			s.mu.Lock()
			s.failed = err
			s.mu.Unlock()
		}
	})
	select {
	case <-ready:
		return s, nil
	case <-time.After(10 * time.Second):
		s.close()
		return nil, errors.New("the screen was told nothing")
	}
}

func (s *screen) close() {
	s.cancel()
	s.done.Wait()
}

func (s *screen) count() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.arrived)
}

// read takes events until the stream ends.
func (s *screen) read(ctx context.Context, stream io.Reader, ready chan struct{}) error {
	lines := bufio.NewScanner(stream)
	lines.Buffer(nil, 1<<20)
	event := ""
	for lines.Scan() {
		if kind, ok := bytes.CutPrefix(lines.Bytes(), []byte("event: ")); ok {
			event = string(kind)
			continue
		}
		data, ok := bytes.CutPrefix(lines.Bytes(), []byte("data: "))
		if !ok {
			continue
		}
		now := time.Now()
		if event == "screen" {
			if ready != nil {
				close(ready)
				ready = nil
			}
			continue
		}
		if err := s.take(ctx, event, data, now); err != nil {
			return err
		}
	}
	return errors.Join(errors.New("the stream ended"), lines.Err())
}

// take notes when an answer has come: a prompt that is opened, or thanks.
func (s *screen) take(ctx context.Context, event string, data []byte, now time.Time) error {
	var e struct {
		ID       string              `json:"id"`
		Prompt   inspection.Prompt   `json:"prompt"`
		TimeLine inspection.TimeLine `json:"time_line"`
		// Of thanks.
		CertainAt *time.Time `json:"certain_at"`
	}
	if err := json.Unmarshal(data, &e); err != nil {
		return err
	}
	prompt := event == "prompt" && e.Prompt.State == inspection.PromptOpen
	if !prompt && event != "thanks" {
		return nil
	}
	frame := e.CertainAt
	if prompt {
		frame = e.TimeLine.CertainAt
	}
	if frame == nil {
		return fmt.Errorf("deposit %s has no frame", e.ID)
	}
	s.mu.Lock()
	if _, again := s.arrived[e.ID]; !again {
		s.arrived[e.ID] = arrival{at: now, frame: *frame}
	}
	s.mu.Unlock()
	if !prompt {
		return nil
	}
	body, err := json.Marshal(map[string]string{"inspection_id": e.ID})
	if err != nil {
		return err
	}
	res, err := s.server.Do(ctx, http.MethodPost, "/api/v1/stations/"+s.station+"/screen/shown", "application/json", body)
	if err != nil {
		return err
	}
	return res.Body.Close()
}
