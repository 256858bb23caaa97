package codec

import "github.com/binside/binside/vision"

// DecodeUnchecked is libjpeg-turbo alone: it writes a JPEG, at 1/denominator
// (1, 2, 4 or 8) of the size that Inspect found, into img, whose size must be
// that. Nothing is checked, no warning is heard, so it is not for bytes from
// strangers: it is the limit that benchmarks compare Decode with.
func DecodeUnchecked(data []byte, info Info, denominator int, img *vision.Image) error {
	if err := fits(info, denominator, img); err != nil {
		return err
	}
	_, _, err := turboDecode(data, info, denominator, img.Pix, 0)
	return err
}
