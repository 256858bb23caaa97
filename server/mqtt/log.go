package mqtt

import (
	"context"
	"fmt"
	"log/slog"
	"strings"
	"sync"

	"golang.org/x/time/rate"
)

// serverLog passes the embedded server's words on, but not at the pace at which
// a device can provoke them, and none about credentials: gate says those itself,
// and the server would repeat what a device gave as its name.
type serverLog struct {
	log   *slog.Logger
	limit *rate.Limiter

	mu    sync.Mutex
	fatal string
}

func newServerLog(log *slog.Logger) *serverLog {
	return &serverLog{log: log, limit: rate.NewLimiter(1, 10)}
}

func (l *serverLog) Noticef(format string, v ...any) { l.say(slog.LevelDebug, format, v...) }
func (l *serverLog) Warnf(format string, v ...any)   { l.say(slog.LevelWarn, format, v...) }
func (l *serverLog) Errorf(format string, v ...any)  { l.say(slog.LevelWarn, format, v...) }
func (l *serverLog) Debugf(string, ...any)           {}
func (l *serverLog) Tracef(string, ...any)           {}

// Fatalf remembers the reason; ending the process is for main to decide.
func (l *serverLog) Fatalf(format string, v ...any) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.fatal = fmt.Sprintf(format, v...)
}

func (l *serverLog) failed() bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.fatal != ""
}

func (l *serverLog) lastFatal() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.fatal == "" {
		return "it was not ready in time"
	}
	return l.fatal
}

func (l *serverLog) say(level slog.Level, format string, v ...any) {
	text := strings.TrimSpace(fmt.Sprintf(format, v...))
	if strings.Contains(text, "authentication error") || level > slog.LevelDebug && !l.limit.Allow() {
		return
	}
	l.log.Log(context.Background(), level, "MQTT server: "+text)
}
