package main

import (
	"bytes"
	"context"
	"image"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/binside/binside/vision"
	"github.com/binside/binside/vision/privacy"
)

func TestListIsRead(t *testing.T) {
	entries, err := readList(list)
	require.NoError(t, err)
	n := map[string]int{}
	for _, e := range entries {
		n[e.kind]++
		require.Len(t, e.SHA256, 64)
	}
	require.Equal(t, map[string]int{face: 29, person: 38}, n)
	lines := bytes.SplitAfter(list, []byte("\n"))
	for _, bad := range [][]byte{nil, lines[0], append(bytes.Clone(lines[0]), "ghost,p,1,x,s,,0,0,5,5,x\n"...), append(bytes.Clone(lines[0]), "face,p,1,x,s,,0,0,0,5,x\n"...)} {
		_, err := readList(bad)
		require.Error(t, err, "%s", bad)
	}
}

// A redactor that covers a known part is measured as covering that.
func TestRecallIsMeasured(t *testing.T) {
	r := &privacy.Redactor{Faces: func(_ context.Context, img *vision.Image, _ int) ([]image.Rectangle, error) {
		return []image.Rectangle{image.Rect(0, 0, img.Width/2, img.Height)}, nil
	}}
	views := []view{{face, vision.NewImage(400, 200), []image.Rectangle{image.Rect(10, 10, 60, 60), image.Rect(340, 10, 390, 60)}}}
	for turn, want := range map[int]int{1: 1, 3: 1} {
		got, err := recall(t.Context(), r, views, face, 200, turn)
		require.NoError(t, err)
		require.Equal(t, hits{want, 2}, got)
	}
	got, err := recall(t.Context(), r, views, person, 200, 1)
	require.NoError(t, err)
	require.Zero(t, got.n)
}
