package object

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/minio/minio-go/v7"
	"github.com/minio/minio-go/v7/pkg/credentials"
)

// S3Config names a bucket. AccessKey and SecretKey are never logged nor part
// of an error.
type S3Config struct {
	// URL is http(s)://HOST[:PORT]/BUCKET[/PREFIX]; https means TLS.
	URL                  string
	AccessKey, SecretKey string
	// Region defaults to us-east-1, which MinIO answers to.
	Region string
	// MaxBytes bounds an object, default DefaultMaxBytes; Timeout one call,
	// default 30 s.
	MaxBytes int64
	Timeout  time.Duration
}

// S3 keeps objects in a bucket, which is made where it is missing.
//
// The server checks each upload against its SHA-256, and each download is
// checked against the one noted at the upload.
type S3 struct {
	core      minio.Core
	transport *http.Transport
	cfg       S3Config
	bucket    string
	prefix    string
}

// shaMeta is the user metadata that holds the hex SHA-256 of an object.
const shaMeta = "Sha256"

// NewS3 makes a client. It does not touch the network: a server that is down
// now may be up when the first call is made.
func NewS3(cfg S3Config) (*S3, error) {
	u, err := url.Parse(cfg.URL)
	if err != nil {
		return nil, errors.New("object: the S3 URL cannot be parsed") // the error would repeat what may hold a credential
	}
	bucket, prefix, _ := strings.Cut(strings.Trim(u.Path, "/"), "/")
	switch {
	case u.User != nil:
		return nil, errors.New("object: the S3 URL must not hold credentials; configure access and secret key")
	case u.Scheme != "http" && u.Scheme != "https", u.Host == "", bucket == "":
		return nil, fmt.Errorf("object: the S3 URL %q must be http(s)://HOST[:PORT]/BUCKET[/PREFIX]", cfg.URL)
	}
	if prefix != "" {
		if err := ValidateKey(prefix); err != nil {
			return nil, fmt.Errorf("object: the S3 URL's prefix: %w", err)
		}
		prefix += "/"
	}
	cfg.defaults()
	transport := &http.Transport{
		Proxy:                 http.ProxyFromEnvironment,
		DialContext:           (&net.Dialer{Timeout: 5 * time.Second, KeepAlive: 15 * time.Second}).DialContext,
		TLSHandshakeTimeout:   5 * time.Second,
		ResponseHeaderTimeout: cfg.Timeout,
		ExpectContinueTimeout: 5 * time.Second,
		IdleConnTimeout:       time.Minute,
		MaxIdleConnsPerHost:   8,
		MaxConnsPerHost:       32,
		DisableCompression:    true,
	}
	core, err := minio.NewCore(u.Host, &minio.Options{
		Creds:     credentials.NewStaticV4(cfg.AccessKey, cfg.SecretKey, ""),
		Secure:    u.Scheme == "https",
		Region:    cfg.Region,
		Transport: transport,
		// The spool retries with patience; here one more try is for a
		// connection that the server had closed.
		MaxRetries: 2,
	})
	if err != nil {
		return nil, fmt.Errorf("object: %w", err)
	}
	return &S3{core: *core, transport: transport, cfg: cfg, bucket: bucket, prefix: prefix}, nil
}

func (c *S3Config) defaults() {
	if c.Region == "" {
		c.Region = "us-east-1"
	}
	if c.MaxBytes <= 0 {
		c.MaxBytes = DefaultMaxBytes
	}
	if c.Timeout <= 0 {
		c.Timeout = 30 * time.Second
	}
}

// Put implements Store.
func (s *S3) Put(ctx context.Context, key string, data []byte, contentType string) error {
	if err := errors.Join(ValidateKey(key), ctx.Err()); err != nil {
		return err
	}
	if int64(len(data)) > s.cfg.MaxBytes {
		return fmt.Errorf("%w: %d bytes, the limit is %d", ErrTooLarge, len(data), s.cfg.MaxBytes)
	}
	ctx, cancel := context.WithTimeout(ctx, s.cfg.Timeout)
	defer cancel()
	err := s.put(ctx, key, data, contentType)
	if code(err) == minio.NoSuchBucket {
		if err := s.makeBucket(ctx); err != nil {
			return s3Error(s.bucket, err)
		}
		err = s.put(ctx, key, data, contentType)
	}
	return s3Error(key, err)
}

func (s *S3) put(ctx context.Context, key string, data []byte, contentType string) error {
	sum := sha256.Sum256(data)
	_, err := s.core.Client.PutObject(ctx, s.bucket, s.prefix+key, bytes.NewReader(data), int64(len(data)), minio.PutObjectOptions{
		ContentType:      contentType,
		DisableMultipart: true,
		UserMetadata: map[string]string{
			"X-Amz-Checksum-Sha256": base64.StdEncoding.EncodeToString(sum[:]), // checked by the server
			shaMeta:                 hex.EncodeToString(sum[:]),                // checked by Get
		},
	})
	return err
}

func (s *S3) makeBucket(ctx context.Context) error {
	err := s.core.MakeBucket(ctx, s.bucket, minio.MakeBucketOptions{Region: s.cfg.Region})
	if c := code(err); c == minio.BucketAlreadyOwnedByYou || c == minio.BucketAlreadyExists {
		return nil
	}
	return err
}

// Get implements Store.
func (s *S3) Get(ctx context.Context, key string) ([]byte, error) {
	if err := errors.Join(ValidateKey(key), ctx.Err()); err != nil {
		return nil, err
	}
	ctx, cancel := context.WithTimeout(ctx, s.cfg.Timeout)
	defer cancel()
	body, info, _, err := s.core.GetObject(ctx, s.bucket, s.prefix+key, minio.GetObjectOptions{})
	if err != nil {
		return nil, s3Error(key, err)
	}
	defer body.Close()
	data, err := readBounded(body, key, info.Size, s.cfg.MaxBytes)
	if err != nil {
		return nil, err
	}
	if want := info.UserMetadata[shaMeta]; want != "" {
		if sum := sha256.Sum256(data); hex.EncodeToString(sum[:]) != want {
			return nil, fmt.Errorf("%w: %s", ErrCorrupt, key)
		}
	}
	return data, nil
}

// Stat implements Store.
func (s *S3) Stat(ctx context.Context, key string) (Info, error) {
	if err := errors.Join(ValidateKey(key), ctx.Err()); err != nil {
		return Info{}, err
	}
	ctx, cancel := context.WithTimeout(ctx, s.cfg.Timeout)
	defer cancel()
	info, err := s.core.StatObject(ctx, s.bucket, s.prefix+key, minio.StatObjectOptions{})
	if err != nil {
		return Info{}, s3Error(key, err)
	}
	return Info{Key: key, Size: info.Size, Modified: info.LastModified.UTC()}, nil
}

// Delete implements Store.
func (s *S3) Delete(ctx context.Context, key string) error {
	if err := errors.Join(ValidateKey(key), ctx.Err()); err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, s.cfg.Timeout)
	defer cancel()
	err := s3Error(key, s.core.RemoveObject(ctx, s.bucket, s.prefix+key, minio.RemoveObjectOptions{}))
	if errors.Is(err, ErrNotFound) {
		return nil
	}
	return err
}

// List implements Store. Its time is bound by ctx and, request by request, by
// the transport.
func (s *S3) List(ctx context.Context, prefix string, fn func(Info) error) error {
	if err := errors.Join(validatePrefix(prefix), ctx.Err()); err != nil {
		return err
	}
	opts := minio.ListObjectsOptions{Prefix: s.prefix + prefix, Recursive: true}
	for info := range s.core.ListObjectsIter(ctx, s.bucket, opts) {
		if info.Err != nil {
			err := s3Error(prefix, info.Err)
			if errors.Is(err, ErrNotFound) {
				return nil // no bucket yet
			}
			return err
		}
		key := strings.TrimPrefix(info.Key, s.prefix)
		if err := fn(Info{Key: key, Size: info.Size, Modified: info.LastModified.UTC()}); err != nil {
			return err
		}
	}
	return ctx.Err()
}

// Close implements Store.
func (s *S3) Close() error {
	s.transport.CloseIdleConnections()
	return nil
}

// code is the S3 error code of err, empty where it has none.
func code(err error) string {
	var response minio.ErrorResponse
	if errors.As(err, &response) {
		return response.Code
	}
	return ""
}

// s3Error maps what the server or the network says. A refused credential
// counts as unavailable: it works again when the configuration is put right.
func s3Error(key string, err error) error {
	switch {
	case err == nil:
		return nil
	case errors.Is(err, context.Canceled):
		return fmt.Errorf("object: %s: %w", key, err)
	}
	switch code(err) {
	case minio.NoSuchKey, minio.NoSuchBucket:
		return fmt.Errorf("%w: %s", ErrNotFound, key)
	case "BadDigest", "XAmzContentChecksumMismatch", "XAmzContentSHA256Mismatch":
		return fmt.Errorf("%w: %s: %w", ErrCorrupt, key, err)
	}
	return fmt.Errorf("%w: %s: %w", ErrUnavailable, key, err)
}
