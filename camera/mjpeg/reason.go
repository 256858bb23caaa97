package mjpeg

import (
	"errors"
	"fmt"
	"io"
	"net"
	"net/url"
)

// reason words an error without anything of the address but its host.
func (s *Source) reason(err error) error {
	var ue *url.Error
	if errors.As(err, &ue) {
		err = ue.Err // drops the URL from the text
	}
	var ne net.Error
	switch {
	case errors.As(err, &ne) && ne.Timeout():
		err = fmt.Errorf("the camera sent nothing in time: %w", err)
	case errors.Is(err, io.EOF):
		err = fmt.Errorf("the camera ended the stream: %w", io.ErrUnexpectedEOF)
	}
	return fmt.Errorf("mjpeg: %s: %w", s.address.Host, err)
}
