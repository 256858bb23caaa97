package evaluation

import (
	"bytes"
	"encoding/xml"
	"errors"
	"io"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// The page is well-formed and complete in both languages, whatever a manifest
// calls its sources.
func TestPage(t *testing.T) {
	var out bytes.Buffer
	nasty := `<script>alert("x")</script>`
	thumbnails := map[string][]byte{"c": {0xff, 0xd8}}
	require.NoError(t, fourWays(t, nasty).WriteHTML(&out, PageOptions{Thumbnails: thumbnails}))
	text := out.String()
	assert.NotContains(t, text, "<script")
	assert.NotContains(t, text, "ZgotmplZ", "html/template refused something")
	assert.NotContains(t, text, "NaN")
	assert.NotContains(t, text, "&lt;svg")
	assert.NotContains(t, text, "src=\"http")
	assert.Equal(t, strings.Count(text, `class="zh" lang`), strings.Count(text, `class="en" lang`))
	assert.Equal(t, 6, strings.Count(text, "<svg "))
	assert.Contains(t, text, "data:image/jpeg;base64,/9g=")
	assert.Contains(t, text, "&lt;gone&gt;")
	assert.Contains(t, text, "有害垃圾")
	assert.Contains(t, text, "Hazardous waste")
	dec := xml.NewDecoder(strings.NewReader(text))
	dec.Strict, dec.AutoClose, dec.Entity = false, xml.HTMLAutoClose, xml.HTMLEntity
	depth := 0
	for {
		token, err := dec.Token()
		if errors.Is(err, io.EOF) {
			break
		}
		require.NoError(t, err)
		switch token.(type) {
		case xml.StartElement:
			depth++
		case xml.EndElement:
			depth--
		}
	}
	assert.Zero(t, depth)
}
