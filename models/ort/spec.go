package ort

import (
	"github.com/binside/binside/models"
	"github.com/binside/binside/vision/preprocess"
)

// Spec is the rule by which a picture becomes the input of a card.
func Spec(in models.Input) preprocess.Spec {
	return preprocess.Spec{
		Width: in.Width, Height: in.Height, Colour: in.Colour, Resize: in.Resize, Fill: in.Fill,
		Mean: in.Mean, Deviation: in.Deviation,
	}
}
