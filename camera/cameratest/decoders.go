package cameratest

import (
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// Decoders are the processes in which a process has strangers' bytes decoded; see
// camera/isolate.
func Decoders(tb testing.TB, parent int) []int {
	tb.Helper()
	all, err := filepath.Glob("/proc/[0-9]*/cmdline")
	require.NoError(tb, err)
	var pids []int
	for _, path := range all {
		line, err := os.ReadFile(path)
		if err != nil || !strings.HasSuffix(string(line), "-child\x00") {
			continue
		}
		pid, err := strconv.Atoi(filepath.Base(filepath.Dir(path)))
		require.NoError(tb, err)
		status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
		if err == nil && strings.Contains(string(status), fmt.Sprintf("PPid:\t%d\n", parent)) {
			pids = append(pids, pid)
		}
	}
	return pids
}
