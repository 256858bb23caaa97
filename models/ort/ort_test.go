package ort_test

import (
	"fmt"
	"image"
	"image/color"
	"os"
	"path/filepath"
	"sync"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/binside/binside/models"
	"github.com/binside/binside/models/modelstest"
	"github.com/binside/binside/models/ort"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func TestRunsAreTheArithmetic(t *testing.T) {
	network := modelstest.Network(t)
	defer func() { require.NoError(t, network.Close()) }()
	assert.NotEmpty(t, ort.Version())
	r, err := network.NewRunner(3)
	require.NoError(t, err)
	defer func() { require.NoError(t, r.Close()) }()
	for i, c := range []color.RGBA{{R: 255}, {G: 255}, {}} {
		require.NoError(t, r.Set(i, models.View{Image: modelstest.Picture(64, 48, c)}))
	}
	out, err := r.Run(3)
	require.NoError(t, err)
	assert.InDeltaSlice(t, []float32{12, -6, -6, -6, -6, 12, -6, -6, 0, 0, 0, 6}, out.Logits, 1e-4)
	out, err = r.Run(1)
	require.NoError(t, err)
	assert.InDeltaSlice(t, []float32{12, -6, -6, -6}, out.Logits, 1e-4)
	for _, n := range []int{-1, 0, 4} {
		_, err = r.Run(n)
		require.ErrorContains(t, err, "allowed is 1 to 3")
	}
	for _, i := range []int{-1, 3} {
		require.Error(t, r.Set(i, models.View{Image: modelstest.Picture(8, 8, color.RGBA{})}))
	}
	require.Error(t, r.Set(0, models.View{}))
	_, err = network.NewRunner(0)
	require.Error(t, err)
}

func TestStrangenessIsReadByName(t *testing.T) {
	network := modelstest.Open(t, modelstest.Strange(t))
	defer func() { require.NoError(t, network.Close()) }()
	r, err := network.NewRunner(2)
	require.NoError(t, err)
	defer func() { require.NoError(t, r.Close()) }()
	for i, c := range []color.RGBA{{R: 255}, {R: 255, G: 102, B: 153}} {
		require.NoError(t, r.Set(i, models.View{Image: modelstest.Picture(64, 48, c)}))
	}
	for range 2 { // the buffers are kept from run to run
		out, err := r.Run(2)
		require.NoError(t, err)
		assert.InDeltaSlice(t, []float32{0, 0.8}, out.Strangeness, 1e-5)
		assert.InDeltaSlice(t, []float32{12, -6, -6, -6}, out.Logits[:4], 1e-4)
		assert.Len(t, out.Logits, 8)
		out, err = r.Run(1)
		require.NoError(t, err)
		assert.Len(t, out.Strangeness, 1)
	}

	// The same file, with a card that does not ask for it.
	folder := modelstest.Strange(t)
	folder.Card.Output.Strangeness = ""
	plain := modelstest.Open(t, folder)
	defer func() { require.NoError(t, plain.Close()) }()
	p, err := plain.NewRunner(1)
	require.NoError(t, err)
	defer func() { require.NoError(t, p.Close()) }()
	out, err := p.Run(1)
	require.NoError(t, err)
	assert.Empty(t, out.Strangeness)
}

func TestSetTakesTheCrop(t *testing.T) {
	network := modelstest.Network(t)
	defer func() { require.NoError(t, network.Close()) }()
	r, err := network.NewRunner(1)
	require.NoError(t, err)
	defer func() { require.NoError(t, r.Close()) }()
	img := modelstest.Picture(100, 60, color.RGBA{B: 255})
	for y := range 20 {
		for x := range 20 {
			i := 3 * ((y+30)*100 + x + 50)
			img.Pix[i], img.Pix[i+2] = 255, 0
		}
	}
	require.NoError(t, r.Set(0, models.View{Image: img, Crop: image.Rect(50, 30, 70, 50)}))
	out, err := r.Run(1)
	require.NoError(t, err)
	assert.InDeltaSlice(t, []float32{12, -6, -6, -6}, out.Logits, 1e-4)
}

func TestRunnersWorkSideBySide(t *testing.T) {
	network := modelstest.Network(t)
	defer func() { require.NoError(t, network.Close()) }()
	var wg sync.WaitGroup
	for w := range 6 {
		wg.Go(func() {
			r, err := network.NewRunner(2)
			if err != nil {
				t.Error(err)
				return
			}
			defer func() { assert.NoError(t, r.Close()) }()
			red := w%2 == 0
			for range 200 {
				c := color.RGBA{B: 255}
				if red {
					c = color.RGBA{R: 255}
				}
				err := r.Set(0, models.View{Image: modelstest.Picture(40, 40, c)})
				var out models.Outputs
				if err == nil {
					out, err = r.Run(1)
				}
				if err != nil {
					t.Error(err)
					return
				}
				assert.Equal(t, red, out.Logits[0] > out.Logits[2])
			}
		})
	}
	wg.Wait()
}

func TestTheEnvironmentComesAndGoes(t *testing.T) {
	library := modelstest.Library(t)
	for range 3 {
		a, err := ort.Acquire(library)
		require.NoError(t, err)
		b := modelstest.Network(t)
		require.NoError(t, a())
		require.NoError(t, a(), "releasing twice counts once")
		assert.NotEmpty(t, ort.Version(), "the network holds it")
		r, err := b.NewRunner(1)
		require.NoError(t, err)
		_, err = r.Run(1)
		require.NoError(t, err)
		require.NoError(t, r.Close())
		require.NoError(t, b.Close())
		require.NoError(t, b.Close(), "closing twice is nothing")
		assert.Empty(t, ort.Version())
		_, err = b.NewRunner(1)
		require.ErrorContains(t, err, "closed")
	}
}

func TestOneLibraryAProcess(t *testing.T) {
	library := modelstest.Library(t)
	other := filepath.Join(t.TempDir(), ort.LibraryName)
	require.NoError(t, os.WriteFile(other, []byte("not a library"), 0o600))
	release, err := ort.Acquire(library)
	require.NoError(t, err)
	_, err = ort.Acquire(other)
	require.ErrorContains(t, err, "a process has one ONNX Runtime")
	require.NoError(t, release())
	_, err = ort.Acquire(other)
	require.ErrorContains(t, err, "load "+other)
	// A failure leaves the way free.
	release, err = ort.Acquire(library)
	require.NoError(t, err)
	require.NoError(t, release())
}

func TestOpenComparesCardAndNetwork(t *testing.T) {
	library := modelstest.Library(t)
	for want, spoil := range map[string]func(*models.Folder){
		`input.name is "picture", allowed is one of ["input"]`: func(f *models.Folder) { f.Card.Input.Name = "picture" },
		`output.logits is "x", allowed is one of`:              func(f *models.Folder) { f.Card.Output.Logits = "x" },
		`output.strangeness is "x"`:                            func(f *models.Folder) { f.Card.Output.Strangeness = "x" },
		`output.strangeness "features" is [-1 3]`:              func(f *models.Folder) { f.Card.Output.Strangeness = "features" },
		`output.embedding is "x"`:                              func(f *models.Folder) { f.Card.Output.Embedding = "x" },
		`the card says n×[5]`:                                  func(f *models.Folder) { f.Card.Classes = append(f.Card.Classes, "glass") },
		`the card says n×[3 64 32]`:                            func(f *models.Folder) { f.Card.Input.Height = 64 },
		`model.onnx`:                                           func(f *models.Folder) { f.Model = []byte("not a network") },
	} {
		folder := modelstest.Tiny(t)
		spoil(folder)
		_, err := ort.Open(folder, ort.Options{Library: library})
		require.ErrorContains(t, err, want)
		assert.Empty(t, ort.Version(), "a failed Open holds nothing")
	}
	_, err := ort.Open(modelstest.Tiny(t), ort.Options{Library: library, Threads: -1})
	require.ErrorContains(t, err, "threads is -1")
}

func TestFindLibrary(t *testing.T) {
	t.Setenv(ort.LibraryEnv, "")
	file := filepath.Join(t.TempDir(), "lib.so")
	require.NoError(t, os.WriteFile(file, nil, 0o600))
	missing := file + ".missing"

	got, err := ort.FindLibrary(file)
	require.NoError(t, err)
	assert.Equal(t, file, got)
	_, err = ort.FindLibrary(missing)
	require.ErrorIs(t, err, ort.ErrNoLibrary)
	require.ErrorContains(t, err, fmt.Sprintf("the configuration names %q", missing))

	t.Setenv(ort.LibraryEnv, file)
	got, err = ort.FindLibrary("")
	require.NoError(t, err)
	assert.Equal(t, file, got)
	t.Setenv(ort.LibraryEnv, missing)
	_, err = ort.FindLibrary("")
	require.ErrorContains(t, err, ort.LibraryEnv+" names")
}

func TestFindLibraryUpwards(t *testing.T) {
	t.Setenv(ort.LibraryEnv, "")
	found := modelstest.Library(t)
	require.Equal(t, "napi-v6", filepath.Base(filepath.Dir(filepath.Dir(filepath.Dir(found)))),
		"`npm ci --ignore-scripts` in models/ort puts the library where this test looks: %s", found)
	// A tree with the file where npm would put it; its content is not loaded.
	root := t.TempDir()
	tail := found[len(found)-len(filepath.Join("models", "ort", "node_modules", "onnxruntime-node", "bin", "napi-v6", "linux", "x64", ort.LibraryName)):]
	want := filepath.Join(root, tail)
	require.NoError(t, os.MkdirAll(filepath.Dir(want), 0o750))
	require.NoError(t, os.WriteFile(want, nil, 0o600))
	below := filepath.Join(root, "server", "pipeline")
	require.NoError(t, os.MkdirAll(below, 0o750))
	t.Chdir(below)
	got, err := ort.FindLibrary("")
	require.NoError(t, err)
	assert.Equal(t, want, got)
}

func TestNoLibrarySaysHowToGetIt(t *testing.T) {
	t.Setenv(ort.LibraryEnv, "")
	t.Chdir(t.TempDir())
	path, err := ort.FindLibrary("")
	if err == nil { // the system has one of its own
		require.NotContains(t, path, "node_modules")
		require.FileExists(t, path)
		return
	}
	require.ErrorIs(t, err, ort.ErrNoLibrary)
	require.ErrorContains(t, err, "npm ci --ignore-scripts")
	require.ErrorContains(t, err, ort.LibraryEnv)
}
