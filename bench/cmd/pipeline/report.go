package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"runtime"
	"slices"
)

// round is what one round measured.
type round struct {
	limit, pipeline, batched sample
	// push is with as many clients as the limit has workers, one a core;
	// crowded and node are with more, whose threads displace each other's
	// caches.
	push, crowded, node sample
}

// The ratios of a round. A higher one is better for us.
func (r round) pipelineToLimit() float64 { return r.pipeline.perSecond() / r.limit.perSecond() }
func (r round) pushToLimit() float64     { return r.limit.cpuPerImage() / r.push.cpuPerImage() }
func (r round) crowdedToLimit() float64  { return r.limit.cpuPerImage() / r.crowded.cpuPerImage() }
func (r round) pushToNode() float64      { return r.crowded.perSecond() / r.node.perSecond() }
func (r round) batchingGain() float64    { return r.batched.perSecond() / r.pipeline.perSecond() }

func (r round) String() string {
	ms := func(s sample) float64 { return 1e3 * s.cpuPerImage() }
	return fmt.Sprintf("  limit %6.1f/s · pipeline %6.1f/s (%.2f) · in batches %6.1f/s (×%.2f) · limit %4.1f ms CPU, push %4.1f (%.2f), crowded %4.1f (%.2f), %6.1f/s · Node %6.1f/s (×%.2f)",
		r.limit.perSecond(), r.pipeline.perSecond(), r.pipelineToLimit(), r.batched.perSecond(), r.batchingGain(),
		ms(r.limit), ms(r.push), r.pushToLimit(), ms(r.crowded), r.crowdedToLimit(), r.crowded.perSecond(),
		r.node.perSecond(), r.pushToNode())
}

// figures are medians over the rounds, with the extremes beside them.
type figures struct {
	PipelineToLimit    float64 `json:"pipeline_to_limit"`
	PipelineToLimitMin float64 `json:"pipeline_to_limit_min"`
	PipelineToLimitMax float64 `json:"pipeline_to_limit_max"`
	PushToLimit        float64 `json:"http_push_to_limit"`
	PushToLimitMin     float64 `json:"http_push_to_limit_min"`
	PushToLimitMax     float64 `json:"http_push_to_limit_max"`
	CrowdedToLimit     float64 `json:"http_push_crowded_to_limit"`
	CrowdedToLimitMin  float64 `json:"http_push_crowded_to_limit_min"`
	CrowdedToLimitMax  float64 `json:"http_push_crowded_to_limit_max"`
	PushToNode         float64 `json:"http_push_to_node"`
	PushToNodeMin      float64 `json:"http_push_to_node_min"`
	PushToNodeMax      float64 `json:"http_push_to_node_max"`
	BatchingGain       float64 `json:"batching_gain"`
	ImagesPerSecond    float64 `json:"images_per_second"` // of the pipeline
	LimitPerSecond     float64 `json:"limit_images_per_second"`
	PushPerSecond      float64 `json:"http_push_images_per_second"`
	NodePerSecond      float64 `json:"node_images_per_second"`
	NodeThreads        int     `json:"node_threads"`
	Cores              int     `json:"cores"`
	Clients            int     `json:"clients"` // of the crowded push and of Node
	Runs               int     `json:"runs"`
}

func figuresOf(rounds []round) figures {
	f := figures{Cores: runtime.GOMAXPROCS(0), Runs: len(rounds)}
	of := func(get func(round) float64) (median, low, high float64) {
		values := make([]float64, len(rounds))
		for i, r := range rounds {
			values[i] = get(r)
		}
		slices.Sort(values)
		n := len(values)
		return (values[(n-1)/2] + values[n/2]) / 2, values[0], values[n-1]
	}
	f.PipelineToLimit, f.PipelineToLimitMin, f.PipelineToLimitMax = of(round.pipelineToLimit)
	f.PushToLimit, f.PushToLimitMin, f.PushToLimitMax = of(round.pushToLimit)
	f.CrowdedToLimit, f.CrowdedToLimitMin, f.CrowdedToLimitMax = of(round.crowdedToLimit)
	f.PushToNode, f.PushToNodeMin, f.PushToNodeMax = of(round.pushToNode)
	f.BatchingGain, _, _ = of(round.batchingGain)
	f.ImagesPerSecond, _, _ = of(func(r round) float64 { return r.pipeline.perSecond() })
	f.LimitPerSecond, _, _ = of(func(r round) float64 { return r.limit.perSecond() })
	f.PushPerSecond, _, _ = of(func(r round) float64 { return r.crowded.perSecond() })
	f.NodePerSecond, _, _ = of(func(r round) float64 { return r.node.perSecond() })
	return f
}

// report prints the figures and writes them to a file.
func (f figures) report(w io.Writer, path string) error {
	data, err := json.MarshalIndent(f, "", "  ")
	if err != nil {
		return err
	}
	_, err = fmt.Fprintf(w, `
%d rounds on %d cores, medians (lowest to highest):
  pipeline to limit  %.2f  (%.2f to %.2f)   throughput, JPEG bytes to prediction
  push to limit      %.2f  (%.2f to %.2f)   processor time per image, everything that serve does, a client a core
  the same, crowded  %.2f  (%.2f to %.2f)   at %d clients
  push to Node       %.2f  (%.2f to %.2f)   throughput, both at %d clients
  batches            ×%.2f                throughput of batches of up to %d against single pictures
figures in %s
`, f.Runs, f.Cores, f.PipelineToLimit, f.PipelineToLimitMin, f.PipelineToLimitMax,
		f.PushToLimit, f.PushToLimitMin, f.PushToLimitMax, f.CrowdedToLimit, f.CrowdedToLimitMin, f.CrowdedToLimitMax, f.Clients,
		f.PushToNode, f.PushToNodeMin, f.PushToNodeMax, f.Clients,
		f.BatchingGain, batch, path)
	return errors.Join(err, os.WriteFile(path, append(data, '\n'), 0o644))
}
