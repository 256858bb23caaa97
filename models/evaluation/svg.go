package evaluation

import (
	"fmt"
	"html"
	"html/template"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/binside/binside/datasets/taxonomy"
)

// svg draws one figure. Lengths are in units of its view box, which is about
// as wide as a phone, so that its text stays readable there.
type svg struct {
	b             strings.Builder
	width, height float64
}

// svgWidth is every figure's.
const svgWidth = 400

func newSVG(height float64) *svg { return &svg{width: svgWidth, height: height} }

// finish closes the figure; label is what those hear who do not see it.
func (s *svg) finish(label taxonomy.Name) template.HTML {
	inner := s.b.String()
	s.b.Reset()
	s.element("svg", inner, "viewBox", fmt.Sprintf("0 0 %g %g", s.width, s.height), "role", "img", "aria-label", label.ZH+" / "+label.EN)
	return template.HTML(s.b.String()) //nolint:gosec // element escapes every attribute, its callers every text
}

// element adds an element with its attributes, a name and a value in turn;
// inner is markup.
func (s *svg) element(name, inner string, attributes ...any) {
	s.b.WriteString("<" + name)
	for i := 0; i+1 < len(attributes); i += 2 {
		value := attributes[i+1]
		if v, ok := value.(float64); ok {
			value = strconv.FormatFloat(v, 'f', 1, 64)
		}
		s.b.WriteString(" " + fmt.Sprint(attributes[i]) + `="` + html.EscapeString(fmt.Sprint(value)) + `"`)
	}
	s.b.WriteString(">" + inner + "</" + name + ">")
}

// tooltip is what is shown where the pointer rests on an element.
func tooltip(text string) string {
	if text == "" {
		return ""
	}
	return "<title>" + html.EscapeString(text) + "</title>"
}

func (s *svg) line(class string, x1, y1, x2, y2 float64) {
	s.element("line", "", "class", class, "x1", x1, "y1", y1, "x2", x2, "y2", y2)
}

func (s *svg) rect(class, style string, x, y, w, h float64, tip string) {
	s.element("rect", tooltip(tip), "class", class, "style", style, "x", x, "y", y, "width", w, "height", h)
}

func (s *svg) dot(class, style string, x, y, r float64, tip string) {
	s.element("circle", tooltip(tip), "class", class, "style", style, "cx", x, "cy", y, "r", r)
}

// path draws a line through points, x and y in turn.
func (s *svg) path(class string, points []float64) {
	var d strings.Builder
	for i := 0; i+1 < len(points); i += 2 {
		fmt.Fprintf(&d, "%.1f,%.1f ", points[i], points[i+1])
	}
	s.element("polyline", "", "class", class, "points", strings.TrimSpace(d.String()))
}

// text writes one text at its baseline; anchor is "start", "middle" or "end".
func (s *svg) text(class, anchor string, x, y float64, text string) {
	s.element("text", html.EscapeString(text), "class", class, "text-anchor", anchor, "x", x, "y", y)
}

// name writes a text in both languages, of which the page shows one.
func (s *svg) name(class, anchor string, x, y float64, n taxonomy.Name) {
	s.text(class+" zh", anchor, x, y, n.ZH)
	s.text(class+" en", anchor, x, y, n.EN)
}

// column writes a name above a column, the English one in two lines where it
// has two words.
func (s *svg) column(class string, x, y float64, n taxonomy.Name) {
	s.text(class+" zh", "middle", x, y, n.ZH)
	words := splitOnce(n.EN)
	for i, word := range words {
		s.text(class+" en", "middle", x, y-13*float64(len(words)-1-i), word)
	}
}

// splitOnce cuts a text at its first blank.
func splitOnce(text string) []string { return strings.SplitN(text, " ", 2) }

// short cuts a text to at most n characters.
func short(text string, n int) string {
	if utf8.RuneCountInString(text) <= n {
		return text
	}
	return string([]rune(text)[:n-1]) + "…"
}

func percent(v float64) string { return fmt.Sprintf("%.1f%%", 100*v) }

// wholePercent has no decimals, for where there is little room.
func wholePercent(v float64) string { return fmt.Sprintf("%.0f%%", 100*v) }

// thousands writes a number with commas.
func thousands(n int) string {
	digits := strconv.Itoa(n)
	for i := len(digits) - 3; i > 0; i -= 3 {
		digits = digits[:i] + "," + digits[i:]
	}
	return digits
}
