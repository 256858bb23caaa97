package codec

import (
	"bytes"
	"encoding/binary"
)

const (
	exifPrefix     = "Exif\x00\x00"
	tagOrientation = 0x0112
	typeShort      = 3
)

// exifOrientation reads the orientation out of an APP1 payload: 1 to 8, or 0
// where the payload is no EXIF block or says nothing valid.
func exifOrientation(payload []byte) int {
	tiff, ok := bytes.CutPrefix(payload, []byte(exifPrefix))
	if !ok {
		return 0
	}
	return tiffOrientation(tiff)
}

// tiffOrientation reads the orientation tag of the first directory of a TIFF
// structure (TIFF 6.0, section 2), and nothing else: at most 65,535 entries
// of 12 bytes, no offset but the first is followed.
func tiffOrientation(tiff []byte) int {
	if len(tiff) < 8 {
		return 0
	}
	var order binary.ByteOrder
	switch string(tiff[:4]) {
	case "II*\x00":
		order = binary.LittleEndian
	case "MM\x00*":
		order = binary.BigEndian
	default:
		return 0
	}
	at := int64(order.Uint32(tiff[4:]))
	if at < 8 || at+2 > int64(len(tiff)) {
		return 0
	}
	n := int(order.Uint16(tiff[at:]))
	entries := tiff[at+2:]
	for range n {
		if len(entries) < 12 {
			return 0
		}
		e := entries[:12]
		entries = entries[12:]
		if order.Uint16(e) != tagOrientation {
			continue
		}
		v := int(order.Uint16(e[8:]))
		if order.Uint16(e[2:]) != typeShort || order.Uint32(e[4:]) != 1 || v < 1 || v > 8 {
			return 0
		}
		return v
	}
	return 0
}
