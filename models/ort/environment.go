package ort

import (
	"errors"
	"fmt"
	"path/filepath"
	"runtime"
	"sync"

	rt "github.com/yalue/onnxruntime_go"
)

// environment is ONNX Runtime's, of which there is one a process: made by
// whoever needs it first, gone when the last has released it.
var environment struct {
	sync.Mutex
	refs    int
	library string
}

// arenaBytes bounds the memory that all sessions together take for what lies
// between input and output. Ten times what a worker was seen to need with
// MobileNetV2, so that a bound that is hit means a fault, not a busy day.
func arenaBytes() int { return max(512<<20, runtime.NumCPU()*256<<20) }

// Acquire loads the library (see FindLibrary for what library may be) and
// makes the process's environment, unless that has been done. Every successful
// call needs one call of release, which may be repeated. Networks acquire for
// themselves; the benchmark's raw limit does it before it uses the binding
// directly.
func Acquire(library string) (release func() error, err error) {
	path, err := FindLibrary(library)
	if err != nil {
		return nil, err
	}
	if path, err = filepath.Abs(path); err != nil {
		return nil, fmt.Errorf("ort: %w", err)
	}
	e := &environment
	e.Lock()
	defer e.Unlock()
	switch {
	case e.refs > 0 && e.library != path:
		return nil, fmt.Errorf("ort: %s is loaded, %s cannot be beside it: a process has one ONNX Runtime", e.library, path)
	case e.refs == 0:
		if err := initialise(path); err != nil {
			return nil, err
		}
		e.library = path
	}
	e.refs++
	return sync.OnceValue(releaseEnvironment), nil
}

func releaseEnvironment() error {
	e := &environment
	e.Lock()
	defer e.Unlock()
	if e.refs--; e.refs > 0 {
		return nil
	}
	if err := rt.DestroyEnvironment(); err != nil {
		return fmt.Errorf("ort: %w", err)
	}
	return nil
}

func initialise(path string) error {
	rt.SetSharedLibraryPath(path)
	if err := rt.InitializeEnvironment(rt.WithLogLevelError()); err != nil {
		return fmt.Errorf("ort: load %s: %w", path, err)
	}
	if err := shareArena(); err != nil {
		return errors.Join(fmt.Errorf("ort: arena: %w", err), rt.DestroyEnvironment())
	}
	return nil
}

// shareArena gives all sessions one arena that is bounded and grows by what is
// asked for: the default doubles and has no bound.
func shareArena() error {
	info, err := rt.GetMemoryInfo()
	if err != nil {
		return err
	}
	const sameAsRequested = 1
	cfg, err := rt.NewArenaCfg(arenaBytes(), sameAsRequested, -1, -1)
	if err != nil {
		return err
	}
	defer cfg.Destroy()
	return rt.CreateAndRegisterAllocator(info, cfg)
}

// Version returns the version of the loaded library, "" where none is.
func Version() string {
	environment.Lock()
	defer environment.Unlock()
	if environment.refs == 0 {
		return ""
	}
	return rt.GetVersion()
}
