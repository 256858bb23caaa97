package codec

import (
	"sync"

	"github.com/binside/binside/vision"
)

// pictures holds *[]byte: the samples of recycled pictures.
var pictures sync.Pool

// newPicture is a picture whose samples are undefined.
func newPicture(width, height int) *vision.Image {
	n := 3 * width * height
	// One that is much too large would be held by a picture that seems small.
	if room, _ := pictures.Get().(*[]byte); room != nil && n <= cap(*room) && cap(*room) <= 4*n {
		return &vision.Image{Pix: (*room)[:n], Width: width, Height: height}
	}
	return vision.NewImage(width, height)
}

// Recycle gives a picture's memory to pictures that are decoded later: a new
// one of a megabyte costs the zeroing, the page faults and the processor's
// cache, which together are a tenth of the decoding. Only its one owner may
// call it, once, and the picture is empty thereafter. Nobody has to: memory
// that is not recycled is collected.
func Recycle(img *vision.Image) {
	if cap(img.Pix) == 0 {
		return
	}
	room := img.Pix[:0]
	*img = vision.Image{}
	pictures.Put(&room)
}
