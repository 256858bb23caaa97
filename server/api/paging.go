package api

import (
	"encoding/base64"
	"strings"
)

// PageQuery is what every list takes. Its name and IDPath's are exported
// because huma looks only into exported embedded structs.
type PageQuery struct {
	Limit  int    `query:"limit" minimum:"1" maximum:"200" default:"50" doc:"How many at most"`
	Cursor string `query:"cursor" maxLength:"512" doc:"next_cursor of the page before"`
}

// list is what every list answers.
type list[T any] struct {
	Items      []T    `json:"items"`
	NextCursor string `json:"next_cursor,omitempty" doc:"Send it as cursor for the next page; absent on the last one"`
}

type listOut[T any] struct{ Body list[T] }

func listOf[T any](items []T, next string) *listOut[T] {
	if items == nil {
		items = []T{}
	}
	return &listOut[T]{Body: list[T]{Items: items, NextCursor: encodeCursor(next)}}
}

// cursorVersion begins every cursor, so that a later form can be told apart.
const cursorVersion = "1:"

// encodeCursor makes a store's cursor opaque: what is in it is no promise.
func encodeCursor(next string) string {
	if next == "" {
		return ""
	}
	return base64.RawURLEncoding.EncodeToString([]byte(cursorVersion + next))
}

// after reads the cursor back.
func (q PageQuery) after() (string, error) {
	if q.Cursor == "" {
		return "", nil
	}
	text, err := base64.RawURLEncoding.DecodeString(q.Cursor)
	next, ok := strings.CutPrefix(string(text), cursorVersion)
	if err != nil || !ok {
		return "", invalid("query.cursor", "this is no cursor of this service")
	}
	return next, nil
}
