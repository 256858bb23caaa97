package models

// Card describes a model file: everything that is needed to feed it and to
// read its answer, and what is known about it. It lies beside model.onnx as
// card.json.
type Card struct {
	// Version names the model for ever, e.g. "mnv2-2026.11.1".
	Version string `json:"version"`
	// Classes are the item classes in the order of the logits.
	Classes []string `json:"classes"`
	Input   Input    `json:"input"`
	// Output names the tensors: logits n×len(Classes), embedding n×d,
	// strangeness n×1.
	Output Output `json:"output"`
	// Temperature divides the logits before the softmax (Guo et al. 2017).
	Temperature float64 `json:"temperature"`
	// Metrics are figures on data that training never saw, with n.
	Metrics map[string]any `json:"metrics"`
	Data    Data           `json:"data"`
	// SHA256 is the hex digest of model.onnx.
	SHA256 string `json:"sha256"`
	// Licence and Notes are for people.
	Licence string `json:"licence"`
	Notes   string `json:"notes"`
}

// Input says how a picture becomes the model's input tensor, n×3×Height×Width
// float32.
type Input struct {
	Name   string `json:"name"`
	Width  int    `json:"width"`
	Height int    `json:"height"`
	// Colour is the channel order, "rgb" or "bgr".
	Colour string `json:"colour"`
	// Resize is "stretch" (both sides to size), "letterbox" (longest side to
	// size, centred, the rest filled with Fill) or "cover" (shortest side to
	// size, centre crop).
	Resize string `json:"resize"`
	// Fill is the 8-bit RGB colour of a letterbox's bars.
	Fill [3]uint8 `json:"fill"`
	// A sample v (0 to 255) becomes (v/255 - Mean[c]) / Deviation[c].
	Mean      [3]float64 `json:"mean"`
	Deviation [3]float64 `json:"deviation"`
}

// Output names the output tensors; Embedding and Strangeness may be empty.
type Output struct {
	Logits    string `json:"logits"`
	Embedding string `json:"embedding"`
	// Strangeness is an output of one number a picture that says how unlike
	// everything the model was trained on it is, scaled so that 1 is the bound
	// of what it knows (see Prediction). Empty: the model does not measure it.
	Strangeness string `json:"strangeness,omitempty"`
}

// Data names what the model was trained on.
type Data struct {
	// Digest is the hex SHA-256 of the manifest of the training samples.
	Digest  string   `json:"digest"`
	Sources []string `json:"sources"`
	Train   int      `json:"train"`
	Val     int      `json:"val"`
}
