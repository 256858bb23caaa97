package conditiontest

import (
	"fmt"
	"os"
	"os/exec"
	"testing"
	"time"

	"github.com/binside/binside/vision"
	"github.com/binside/binside/vision/codec"
)

func TestSheet(t *testing.T) {
	dir := os.Getenv("SHEET")
	if dir == "" {
		t.Skip()
	}
	var frames []*vision.Image
	exec.Command("sh", "-c", "rm -rf "+dir+"; mkdir -p "+dir+"/in "+dir+"/out; ffmpeg -v error -i "+os.Getenv("CLIP")+" -vf fps=2,scale=640:-2 "+dir+"/in/%04d.png").Run()
	for i := 1; ; i++ {
		data, err := os.ReadFile(fmt.Sprintf("%s/in/%04d.png", dir, i))
		if err != nil {
			break
		}
		img, _, err := codec.Decode(data, codec.Limits{}, codec.Options{})
		if err != nil {
			t.Fatal(err)
		}
		frames = append(frames, img)
	}
	d, err := NewDay(frames, Options{Seed: 7, From: 4 * time.Hour, Length: 24 * time.Hour, Step: 500 * time.Millisecond})
	if err != nil {
		t.Fatal(err)
	}
	n := 0
	begin := time.Now()
	for i := 0; ; i++ {
		s, ok, err := d.Next(nil)
		if err != nil {
			t.Fatal(err)
		}
		if !ok || i > 4 && os.Getenv("SHORT") != "" {
			break
		}
		if i == 5000 {
			t.Log(time.Since(begin) / 5000)
		}
		vis := false
		for _, e := range d.plan.active {
			vis = vis || (e.what == visitor || e.what == headlights) && i%8 == 0 && n%2 == 1
		}
		if i%1800 == 0 || vis {
			n++
			data, _ := codec.EncodeJPEG(s.Image, 90)
			os.WriteFile(fmt.Sprintf("%s/out/%04d.jpg", dir, n), data, 0o644)
			t.Log(n, s.At(), fmt.Sprintf("%.2f %.2f %.2f exp 1/%.0f", s.Light.Mean, s.Light.High, s.Light.White, 1/d.sensor.exposure), len(d.plan.active))
		}
		if os.Getenv("SKIP") != "" {
			// only settle 20 frames of each quarter of an hour
			if i%1800 == 40 {
				i += 1760 - 40
				d.n += 1760 - 40
			}
		}
	}
}

func (s Shot) At() string { return s.Arrived.Format("15:04:05") }
