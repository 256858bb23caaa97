package people

// #cgo pkg-config: opencv4
// #cgo CXXFLAGS: -std=c++11
// #include "people.h"
import "C"

import (
	"fmt"
	"image"
)

// maxPeople bounds what is returned of one picture.
const maxPeople = 256

// detect returns the boxes of the people in a picture of width × height bytes
// of brightness, which is not empty.
func detect(grey []byte, width, height int, how search) ([]image.Rectangle, error) {
	var (
		boxes   [maxPeople]C.people_box
		message [256]C.char
	)
	n := C.people_find((*C.uchar)(&grey[0]), C.int(width), C.int(height), C.double(how.least), C.int(how.padding),
		&boxes[0], C.int(len(boxes)), &message[0], C.int(len(message)))
	if n < 0 {
		return nil, fmt.Errorf("OpenCV: %s", C.GoString(&message[0]))
	}
	out := make([]image.Rectangle, n)
	for i, b := range boxes[:n] {
		out[i] = image.Rect(int(b.x), int(b.y), int(b.x+b.width), int(b.y+b.height))
	}
	return out, nil
}
