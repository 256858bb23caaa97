package pipeline

import (
	"github.com/binside/binside/server/handover"
	"github.com/binside/binside/vision"
)

// Prepared keeps decoded images of deposits on their way through the queue,
// so that the worker of the same process need not decode them again. It is a
// convenience only: what is not in it is decoded from the deposit's JPEGs.
type Prepared struct {
	shelf *handover.Shelf[[]*vision.Image]
}

// NewPrepared makes a store of at most maxBytes of pixels (0: 64 MiB).
func NewPrepared(maxBytes int) *Prepared {
	return &Prepared{shelf: handover.NewShelf[[]*vision.Image](maxBytes)}
}

// Put keeps a deposit's images, in the order of Deposit.Images, if there is
// room. They must not be changed afterwards.
func (p *Prepared) Put(id string, images []*vision.Image) {
	if len(images) == 0 {
		return
	}
	bytes := 0
	for _, m := range images {
		bytes += len(m.Pix)
	}
	p.shelf.Put(id, images, bytes)
}

// Take returns a deposit's images and forgets them; nil where there are none.
func (p *Prepared) Take(id string) []*vision.Image {
	images, _ := p.shelf.Take(id)
	return images
}
