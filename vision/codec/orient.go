package codec

import "github.com/binside/binside/vision"

// Orient returns the picture as it is to be seen, given its EXIF orientation
// (EXIF 2.3, section 4.6.4 A): for 5 to 8 width and height change places. For
// 1, and for numbers that are no orientation, it returns img itself.
func Orient(img *vision.Image, orientation int) *vision.Image {
	w, h := img.Width, img.Height
	// The sample at (x, y) of the result comes from first + x*dx + y*dy,
	// counted in pixels.
	var first, dx, dy int
	switch orientation {
	case 2: // mirrored left to right
		first, dx, dy = w-1, -1, w
	case 3: // turned by 180°
		first, dx, dy = w*h-1, -1, -w
	case 4: // mirrored top to bottom
		first, dx, dy = w*(h-1), 1, -w
	case 5: // mirrored along the main diagonal
		first, dx, dy = 0, w, 1
	case 6: // to be turned clockwise
		first, dx, dy = w*(h-1), -w, 1
	case 7: // mirrored along the other diagonal
		first, dx, dy = w*h-1, -w, -1
	case 8: // to be turned anticlockwise
		first, dx, dy = w-1, w, -1
	default:
		return img
	}
	if orientation >= 5 {
		w, h = h, w
	}
	out := vision.NewImage(w, h)
	i := 0
	for y := range h {
		from := 3 * (first + y*dy)
		for range w {
			out.Pix[i], out.Pix[i+1], out.Pix[i+2] = img.Pix[from], img.Pix[from+1], img.Pix[from+2]
			i += 3
			from += 3 * dx
		}
	}
	return out
}
