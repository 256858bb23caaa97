package main

import (
	"bytes"
	"context"
	"image"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/binside/binside/camera/simulate"
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

// People who lean over a deposit are in its pictures only where the simulation
// shows them, and what is painted over is theirs and not the item's.
func TestLeaningIsMeasured(t *testing.T) {
	shares, err := leaning(t.Context(), 1, 3)
	require.NoError(t, err)
	require.Len(t, shares, 6)
	found := shares[5]
	require.Equal(t, 3, found.N)
	require.Equal(t, 3, found.Count)
	require.GreaterOrEqual(t, shares[0].N, 3, "each has a picture at least")
	for _, s := range shares[:4] {
		require.Equal(t, shares[0].N, s.N)
		require.LessOrEqual(t, s.Count, s.N)
	}
	require.LessOrEqual(t, shares[1].Count, shares[0].Count)
	require.Zero(t, shares[4].Count)

	// A half of somebody is painted over, and a half is left.
	crop := vision.NewImage(40, 20)
	privacy.Paint(crop, []image.Rectangle{image.Rect(0, 0, 20, 20)})
	labels := make([]simulate.Label, simulate.Width*simulate.Height)
	for i := range labels {
		labels[i] = simulate.Somebody
	}
	n := place{mask: vision.NewImage(40, 20), origin: image.Pt(100, 100)}.count(crop, labels)
	require.Equal(t, 800, n.all[simulate.Somebody])
	require.Equal(t, 400, n.painted[simulate.Somebody])
	var of tally
	of.add(n)
	require.Equal(t, tally{n: 1, leaned: 1, headsLeft: 1}, of)
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

// Whoever is cut out stays where the box says, as tall as is asked for.
func TestPeopleAreBroughtCloser(t *testing.T) {
	img := vision.NewImage(400, 300)
	boxes := []image.Rectangle{image.Rect(200, 100, 220, 160), image.Rect(0, 0, 20, 60)}
	for _, b := range boxes {
		for y := b.Min.Y; y < b.Max.Y; y++ {
			for x := b.Min.X; x < b.Max.X; x++ {
				copy(img.Pix[3*(y*img.Width+x):], []byte{privacy.Fill.R, privacy.Fill.G, privacy.Fill.B})
			}
		}
	}
	views, err := closer([]view{{person, img, boxes}, {face, img, boxes}}, 0.5)
	require.NoError(t, err)
	require.Len(t, views, 2)
	for _, v := range views {
		require.Equal(t, image.Pt(640, 480), v.img.Rect().Size())
		require.Len(t, v.boxes, 1)
		require.Equal(t, 240, v.boxes[0].Dy())
		require.Greater(t, painted(v.img, v.boxes[0]), 0.8)
		require.InDelta(t, v.boxes[0].Dx()*v.boxes[0].Dy(), painted(v.img, v.img.Rect())*640*480, 4000)
	}
}
