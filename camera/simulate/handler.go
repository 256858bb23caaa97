package simulate

import (
	_ "embed"
	"encoding/json"
	"fmt"
	"net/http"
	"strconv"
	"time"

	"github.com/binside/binside/vision"
)

//go:embed page.html
var page []byte

const boundary = "binsideframe"

// writeWithin is how long a viewer may take for one frame before its stream
// is ended.
const writeWithin = 10 * time.Second

// Description is what /station.json answers.
type Description struct {
	Width  int      `json:"width"`
	Height int      `json:"height"`
	FPS    int      `json:"fps"`
	Bins   []BinRow `json:"bins"`
	Inventory
}

// BinRow is one bin in a Description.
type BinRow struct {
	ID      string         `json:"id"`
	Name    Name           `json:"name"`
	Accepts []string       `json:"accepts"`
	Region  vision.Polygon `json:"region"`
}

// Describe says what a camera's set-up needs to know about the station, and
// what it can show.
func (s *Server) Describe() Description {
	d := Description{Width: Width, Height: Height, FPS: FPS, Inventory: s.inv}
	for i, b := range s.st.bins {
		d.Bins = append(d.Bins, BinRow{ID: b.ID, Name: s.st.slots[i].name, Accepts: b.Accepts, Region: s.st.Region(i)})
	}
	return d
}

// Handler serves the station like a network camera does, and its truth:
//
//	GET /                 a page to look at
//	GET /stream.mjpg      multipart/x-mixed-replace
//	GET /frame.jpg        one frame
//	GET /station.json     Description
//	GET /truth.json?since=N   Truth: the events after the N-th
func (s *Server) Handler() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /{$}", func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/html; charset=utf-8")
		_, _ = w.Write(page)
	})
	mux.HandleFunc("GET /stream.mjpg", s.serveStream)
	mux.HandleFunc("GET /frame.jpg", s.serveFrame)
	mux.HandleFunc("GET /station.json", func(w http.ResponseWriter, _ *http.Request) { s.json(w, s.Describe()) })
	mux.HandleFunc("GET /truth.json", func(w http.ResponseWriter, r *http.Request) {
		var since uint64
		if text := r.URL.Query().Get("since"); text != "" {
			var err error
			if since, err = strconv.ParseUint(text, 10, 64); err != nil {
				http.Error(w, "since must be the number of an event", http.StatusBadRequest)
				return
			}
		}
		s.json(w, s.Truth(since))
	})
	return mux
}

func (s *Server) json(w http.ResponseWriter, v any) {
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Cache-Control", "no-store")
	if err := json.NewEncoder(w).Encode(v); err != nil {
		s.log.Debug("demonstration station: answer not written", "error", err)
	}
}

func (s *Server) serveFrame(w http.ResponseWriter, r *http.Request) {
	v := s.frames.join()
	defer v.leave()
	p, err := v.frame(r.Context())
	if err != nil {
		http.Error(w, "no frame", http.StatusServiceUnavailable)
		return
	}
	w.Header().Set("Content-Type", "image/jpeg")
	w.Header().Set("Cache-Control", "no-store")
	w.Header().Set("X-Timestamp", timestamp(p.time))
	_, _ = w.Write(p.jpeg)
}

// timestamp is a time as µStreamer and mjpg-streamer write it: seconds since
// 1970 with six decimals.
func timestamp(t time.Time) string {
	return fmt.Sprintf("%d.%06d", t.Unix(), t.Nanosecond()/1000)
}

func (s *Server) serveStream(w http.ResponseWriter, r *http.Request) {
	v := s.frames.join()
	defer v.leave()
	out := http.NewResponseController(w)
	w.Header().Set("Content-Type", "multipart/x-mixed-replace; boundary="+boundary)
	w.Header().Set("Cache-Control", "no-store")
	for {
		p, err := v.frame(r.Context())
		if err != nil {
			return
		}
		// A recorder (httptest) has no deadlines; a real connection has.
		_ = out.SetWriteDeadline(time.Now().Add(writeWithin))
		_, err = fmt.Fprintf(w, "--%s\r\nContent-Type: image/jpeg\r\nContent-Length: %d\r\nX-Timestamp: %s\r\n\r\n",
			boundary, len(p.jpeg), timestamp(p.time))
		if err == nil {
			_, err = w.Write(p.jpeg)
		}
		if err == nil {
			_, err = w.Write([]byte("\r\n"))
		}
		if err == nil {
			err = out.Flush()
		}
		if err != nil {
			return
		}
	}
}
