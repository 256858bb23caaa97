package station

import (
	"fmt"
	"strings"
	"time"
)

// Hours is a part of the day, from From to To, which may lie on the next day.
type Hours struct{ From, To time.Duration }

// ParseHours reads "22:30-06:30", several separated by commas; nothing is none.
func ParseHours(text string) ([]Hours, error) {
	var all []Hours
	for _, part := range strings.FieldsFunc(text, func(r rune) bool { return r == ',' || r == ' ' }) {
		h, err := parseHours(part)
		if err != nil {
			return nil, err
		}
		all = append(all, h)
	}
	return all, nil
}

func parseHours(text string) (Hours, error) {
	var h Hours
	var fh, fm, th, tm int
	if n, err := fmt.Sscanf(text, "%d:%d-%d:%d", &fh, &fm, &th, &tm); err != nil || n != 4 ||
		fmt.Sprintf("%02d:%02d-%02d:%02d", fh, fm, th, tm) != text || fh > 23 || th > 23 || fm > 59 || tm > 59 {
		return h, fmt.Errorf("%q: hours such as 22:30-06:30 are expected", text)
	}
	clock := func(hours, minutes int) time.Duration {
		return time.Duration(hours)*time.Hour + time.Duration(minutes)*time.Minute
	}
	return Hours{clock(fh, fm), clock(th, tm)}, nil
}

// Holds reports whether a time lies in the hours, by the clock of its own zone.
func (h Hours) Holds(t time.Time) bool {
	at := time.Duration(t.Hour())*time.Hour + time.Duration(t.Minute())*time.Minute + time.Duration(t.Second())*time.Second
	if h.From <= h.To {
		return at >= h.From && at < h.To
	}
	return at >= h.From || at < h.To
}
