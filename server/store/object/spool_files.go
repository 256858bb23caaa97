package object

import (
	"bufio"
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"sort"
	"strings"
	"time"

	"github.com/google/uuid"
)

// A spooled object is one file: a line of JSON (spoolHead), then the bytes.
const (
	spoolSuffix = ".spool"
	tempSuffix  = ".tmp"
	badSuffix   = ".bad"
	maxHead     = 4 << 10
)

type spoolHead struct {
	Key         string `json:"key"`
	ContentType string `json:"content_type"`
	Size        int64  `json:"size"`
	SHA256      string `json:"sha256"`
}

// fileName is where a key's object waits.
func fileName(key string) string {
	sum := sha256.Sum256([]byte(key))
	return hex.EncodeToString(sum[:]) + spoolSuffix
}

// write puts an object on the disk under a temporary name.
func (s *Spool) write(key string, data []byte, contentType string) (temp string, err error) {
	sum := sha256.Sum256(data)
	head, err := json.Marshal(spoolHead{Key: key, ContentType: contentType, Size: int64(len(data)), SHA256: hex.EncodeToString(sum[:])})
	if err != nil {
		return "", err
	}
	if len(head) >= maxHead {
		return "", fmt.Errorf("a content type of %d bytes", len(contentType))
	}
	temp = uuid.NewString() + tempSuffix
	if err := writeSynced(s.root, temp, head, []byte{'\n'}, data); err != nil {
		// The first error tells more than a failure to tidy up.
		_ = s.root.Remove(temp)
		return "", err
	}
	return temp, nil
}

// read reads a waiting object and checks it against its head.
func (s *Spool) read(name string) (head spoolHead, data []byte, err error) {
	f, err := s.root.Open(name)
	if err != nil {
		return head, nil, err
	}
	defer f.Close()
	in := bufio.NewReaderSize(f, maxHead)
	if head, err = readHead(in); err != nil {
		return head, nil, err
	}
	if data, err = readBounded(in, head.Key, head.Size, s.opts.MaxObjectBytes); err != nil {
		return head, nil, fmt.Errorf("%w: %w", ErrCorrupt, err)
	}
	if sum := sha256.Sum256(data); hex.EncodeToString(sum[:]) != head.SHA256 {
		return head, nil, fmt.Errorf("%w: %s", ErrCorrupt, head.Key)
	}
	return head, data, nil
}

func readHead(in *bufio.Reader) (head spoolHead, err error) {
	line, err := in.ReadSlice('\n')
	if err == nil {
		err = json.NewDecoder(bytes.NewReader(line)).Decode(&head)
	}
	if err == nil {
		err = ValidateKey(head.Key)
	}
	if err != nil {
		return head, fmt.Errorf("%w: %w", ErrCorrupt, err)
	}
	return head, nil
}

// scan puts into the index what an earlier process has left. A file that is
// not whole is set aside for people to look at.
func (s *Spool) scan() error {
	files, err := readDir(s.root, ".")
	if err != nil {
		return err
	}
	for _, f := range files {
		switch name := f.Name(); {
		case strings.HasSuffix(name, tempSuffix):
			err = s.root.Remove(name)
		case strings.HasSuffix(name, spoolSuffix):
			err = s.adopt(name)
		}
		if err != nil {
			return err
		}
	}
	all := make([]*entry, 0, len(s.entries))
	for _, e := range s.entries {
		all = append(all, e)
	}
	sort.Slice(all, func(a, b int) bool { return all[a].modified.Before(all[b].modified) })
	for _, e := range all {
		e.elem = s.order.PushBack(e)
	}
	if len(all) > 0 {
		s.opts.Logger.Info("objects wait in the spool", "objects", len(all), "bytes", s.bytes)
	}
	return nil
}

// adopt indexes one file by its head; its digest is checked when it is read.
func (s *Spool) adopt(name string) error {
	f, err := s.root.Open(name)
	if err != nil {
		return err
	}
	in := bufio.NewReaderSize(f, maxHead)
	head, err := readHead(in)
	info, statErr := f.Stat()
	if err := errors.Join(statErr, f.Close()); err != nil {
		return err
	}
	if err != nil || fileName(head.Key) != name || info.Size() <= head.Size {
		return s.setAside(name, err)
	}
	s.entries[head.Key] = &entry{key: head.Key, size: head.Size, modified: info.ModTime().UTC(), gen: 1}
	s.bytes += head.Size
	s.count++
	return nil
}

// setAside renames a damaged file so that it is neither uploaded nor lost.
func (s *Spool) setAside(name string, why error) error {
	s.opts.Logger.Error("a spooled object is damaged and set aside", "file", name+badSuffix, "error", why, "at", time.Now().UTC())
	err := s.root.Rename(name, name+badSuffix)
	if errors.Is(err, os.ErrNotExist) {
		return nil
	}
	return err
}
