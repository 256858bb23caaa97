package mqtt

import (
	"bytes"
	"encoding/json"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/eclipse/paho.mqtt.golang/packets"
	"github.com/prometheus/client_golang/prometheus/testutil"
	"github.com/stretchr/testify/require"

	"github.com/binside/binside/server/api"
	"github.com/binside/binside/server/auth"
	"github.com/binside/binside/server/pipeline"
	"github.com/binside/binside/server/queue"
	"github.com/binside/binside/vision/codec"
)

// writtenAnywhere reports whether a file of the listener holds a text.
func (f *fixture) writtenAnywhere(text string) (found bool) {
	f.Helper()
	require.NoError(f, filepath.WalkDir(f.cfg.Dir, func(path string, e fs.DirEntry, err error) error {
		if err != nil || !e.Type().IsRegular() {
			return err
		}
		data, err := os.ReadFile(path)
		found = found || bytes.Contains(data, []byte(text))
		return err
	}))
	return found
}

// However a picture is pushed, the disk never holds more of it than may be kept:
// a message that waits beside it would leave its bytes there for a day.
func TestNoPictureIsWrittenAsItWasPushed(t *testing.T) {
	f := newFixture(t)
	f.bin.redacted = []byte("nobody to be seen")
	f.run()
	f.bin.setFailure(queue.ErrFull)
	c := f.connect(f.token(auth.ForStation("gate")))
	original := strings.Repeat("somebody's face ", 200)
	for qos := range byte(3) {
		for _, topic := range []string{"bins/kitchen/deposits", "bins/kitchen/deposits/a", "bins/kitchen/deposits/", "cameras/c/frames"} {
			f.publish(c, "binside/v1/push/gate/"+topic, qos, true, original)
		}
	}
	require.Eventually(t, func() bool { return len(f.bin.seen()) == 3 }, patience, 5*time.Millisecond, "frames are looked at all the same")
	require.True(t, f.writtenAnywhere("nobody to be seen"), "deposits wait on the disk")
	require.False(t, f.writtenAnywhere("somebody's face"))
	info, err := f.broker.retained.Info(t.Context())
	require.NoError(t, err)
	require.EqualValues(t, 1, info.State.Msgs, "only the station's state is retained")
}

// A picture that cannot be redacted is not kept, and its device is told why; one
// for which there is no right is not even worked on.
func TestPictureThatCannotBeRedacted(t *testing.T) {
	f := start(t)
	f.bin.unredacted = &pipeline.ImageError{Err: &codec.Error{Reason: codec.ReasonTruncated}}
	token := f.token(auth.ForStation("gate"))
	c := f.connect(token)
	answers := f.subscribe(c, "binside/v1/errors/gate/bins/kitchen/deposits/#")
	f.publish(c, "binside/v1/push/gate/bins/kitchen/deposits/a", 2, false, "somebody's face")
	var p api.Problem
	require.NoError(t, json.Unmarshal(next(t, answers).Payload(), &p))
	require.Equal(t, 422, p.Status)
	require.InDelta(t, 1, testutil.ToFloat64(f.metrics.received.WithLabelValues(kindDeposit, refused)), 0)

	f.connect(f.token(auth.ForStation("elsewhere")))
	f.publish(c, "binside/v1/push/elsewhere/bins/x/deposits", 1, false, "somebody's face")
	f.bin.mu.Lock()
	f.bin.unredacted = nil
	f.bin.mu.Unlock()
	f.publish(c, "binside/v1/push/gate/bins/kitchen/deposits/b", 1, false, "redacted")
	require.Eventually(t, func() bool { return len(f.bin.taken()) == 1 }, patience, 5*time.Millisecond)
	require.Equal(t, []string{"kitchen/b"}, f.bin.taken())
	require.InDelta(t, 1, testutil.ToFloat64(f.metrics.received.WithLabelValues(kindDeposit, refused)), 0)
	require.False(t, f.writtenAnywhere("somebody's face"))
}

// A last will is published past the door: it may not be a push.
func TestLastWillIsNoPush(t *testing.T) {
	f := start(t)
	r := f.rude()
	connect := connectPacket(f.token(auth.ForStation("gate")), "", true)
	connect.WillFlag, connect.WillTopic, connect.WillMessage = true, "binside/v1/push/gate/bins/kitchen/deposits", []byte("somebody's face")
	require.NoError(t, connect.Write(r))
	code, err := r.answered()
	require.NoError(t, err)
	require.EqualValues(t, packets.ErrRefusedNotAuthorised, code)
}
