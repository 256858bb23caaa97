package object

import (
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

// Config says where objects are kept.
type Config struct {
	// URL is a folder's path, file:PATH, or http(s)://HOST[:PORT]/BUCKET[/PREFIX]
	// for any S3 store.
	URL                  string
	AccessKey, SecretKey string
	Region               string
	// MaxBytes bounds an object, Timeout one call to S3; see S3Config.
	MaxBytes int64
	Timeout  time.Duration

	// SpoolDir is where objects wait for S3; without it Put goes to S3
	// directly. SpoolMaxBytes and SpoolMaxCount bound it, see SpoolOptions. A
	// folder needs no spool and gets none.
	SpoolDir      string
	SpoolMaxBytes int64
	SpoolMaxCount int

	Logger     *slog.Logger
	Registerer prometheus.Registerer
}

// Open makes the store that cfg describes: a *Local, a *Spool over an *S3, or
// an *S3. An S3 server that is down is no error.
func Open(cfg Config) (Store, error) {
	switch scheme, rest, ok := strings.Cut(cfg.URL, ":"); {
	case cfg.URL == "":
		return nil, errors.New("object: no URL")
	case ok && scheme == "file":
		return NewLocal(strings.TrimPrefix(rest, "//"), cfg.MaxBytes)
	case !strings.Contains(cfg.URL, "://"):
		return NewLocal(cfg.URL, cfg.MaxBytes)
	}
	s3, err := NewS3(S3Config{
		URL: cfg.URL, AccessKey: cfg.AccessKey, SecretKey: cfg.SecretKey, Region: cfg.Region, MaxBytes: cfg.MaxBytes, Timeout: cfg.Timeout,
	})
	if err != nil || cfg.SpoolDir == "" {
		if err != nil {
			return nil, err
		}
		return s3, nil
	}
	spool, err := NewSpool(s3, SpoolOptions{
		Dir: cfg.SpoolDir, MaxBytes: cfg.SpoolMaxBytes, MaxCount: cfg.SpoolMaxCount, MaxObjectBytes: cfg.MaxBytes,
		UploadTimeout: cfg.Timeout, Logger: cfg.Logger, Registerer: cfg.Registerer,
	})
	if err != nil {
		return nil, errors.Join(fmt.Errorf("object: spool: %w", err), s3.Close())
	}
	return spool, nil
}
