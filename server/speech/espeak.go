package speech

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"os/exec"
	"strings"
	"time"

	"github.com/binside/binside/server/station"
)

var (
	// ErrUnavailable says that espeak-ng is not installed.
	ErrUnavailable = errors.New("speech: espeak-ng is not installed")
	// ErrUnknown says that there is no such sentence.
	ErrUnknown = errors.New("speech: no such sentence")
	// ErrBusy says that as much is being rendered as may be.
	ErrBusy = errors.New("speech: busy")
)

// renderTimeout bounds one sentence; one takes 0.1 s.
const renderTimeout = 10 * time.Second

// maxSound bounds what a renderer may write, in bytes: a minute and a half.
const maxSound = 4 << 20

// espeakVoices are espeak-ng's names of the voices of our languages.
var espeakVoices = map[string]string{station.Chinese: "cmn", station.English: "en-gb"}

// Render speaks a text with espeak-ng and returns a WAV file, 16 bits and 22050
// samples a second, mono. language is one of station.Languages. ErrUnavailable:
// espeak-ng is not on the PATH.
func Render(ctx context.Context, text, language string) ([]byte, error) {
	program, err := exec.LookPath("espeak-ng")
	if err != nil {
		return nil, ErrUnavailable
	}
	voice, ok := espeakVoices[language]
	if !ok {
		return nil, fmt.Errorf("speech: no voice for %q", language)
	}
	ctx, cancel := context.WithTimeout(ctx, renderTimeout)
	defer cancel()
	// The text comes by the standard input, where nothing in it is an option.
	cmd := exec.CommandContext(ctx, program, "-v", voice, "-s", "165", "-b", "1", "--stdin", "--stdout") //nolint:gosec // constants but for the table's voice
	cmd.WaitDelay = time.Second
	cmd.Stdin = strings.NewReader(text)
	var sound, said limited
	cmd.Stdout, cmd.Stderr = &sound, &said
	if err := cmd.Run(); err != nil {
		return nil, fmt.Errorf("speech: espeak-ng: %w: %s", err, bytes.TrimSpace(said.Bytes()))
	}
	return wav(sound.Bytes())
}

// limited is a buffer that refuses more than maxSound.
type limited struct{ bytes.Buffer }

func (l *limited) Write(p []byte) (int, error) {
	if l.Len()+len(p) > maxSound {
		return 0, errors.New("speech: too much sound")
	}
	return l.Buffer.Write(p)
}

// wavHeader is the length of the header that espeak-ng writes: RIFF, one "fmt "
// of 16 bytes, and "data".
const wavHeader = 44

// wav puts the true lengths into a WAV file that was written to a pipe, whose
// writer did not know them.
func wav(file []byte) ([]byte, error) {
	if len(file) <= wavHeader || string(file[:4]) != "RIFF" || string(file[8:16]) != "WAVEfmt " || string(file[36:40]) != "data" {
		return nil, errors.New("speech: espeak-ng wrote no WAV file")
	}
	binary.LittleEndian.PutUint32(file[4:], uint32(len(file)-8))
	binary.LittleEndian.PutUint32(file[40:], uint32(len(file)-wavHeader))
	return file, nil
}
