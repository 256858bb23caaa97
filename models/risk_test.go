package models_test

import (
	"bytes"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/stretchr/testify/require"

	"github.com/binside/binside/models"
)

const riskText = "# predictions of model.onnx sha256 aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa\n" +
	"class,category,source,group,strangeness,paper,battery\n" +
	"paper,recyclable,a,1,0.25,0.9,0.1\n" +
	",hazardous,b,2,1.5,1e-05,0.99999\n"

func TestRiskSampleRoundTrip(t *testing.T) {
	s, err := models.ParseRisk([]byte(riskText))
	require.NoError(t, err)
	require.Equal(t, []string{"paper", "battery"}, s.Classes)
	require.Equal(t, models.RiskRow{Category: "hazardous", Source: "b", Group: "2", Strangeness: 1.5, Probabilities: []float64{1e-5, 0.99999}}, s.Rows[1])
	p := s.Rows[0].Prediction(s.Classes)
	require.Equal(t, []models.ClassProbability{{Class: "paper", Probability: 0.9}, {Class: "battery", Probability: 0.1}}, p.Classes)
	var out bytes.Buffer
	require.NoError(t, s.Write(&out))
	require.Equal(t, riskText, out.String())
}

func TestRiskSampleNamesWhatIsWrong(t *testing.T) {
	for want, c := range map[string][2]string{
		"line 1 is":                                        {"# predictions", "predictions"},
		"the header is":                                    {"strangeness,paper", "strange,paper"},
		`line 3: category is "", allowed is`:               {"paper,recyclable,a", "paper,,a"},
		`line 4: group is ""`:                              {"b,2,", "b,,"},
		`line 3: strangeness is "-1", allowed is`:          {",0.25,", ",-1,"},
		`line 3: battery is "1.1", allowed is a`:           {"0.9,0.1", "0.9,1.1"},
		`line 3: battery is "NaN", allowed is a`:           {"0.9,0.1", "0.9,NaN"},
		"the probabilities' sum is 0.95":                   {"0.9,0.1", "0.9,0.05"},
		"wrong number of fields":                           {"0.9,0.1", "0.9"},
		"line 1 is \"# predictions of model.onnx sha256 a": {strings.Repeat("a", 64), "a"},
	} {
		bad := strings.Replace(riskText, c[0], c[1], 1)
		require.NotEqual(t, riskText, bad)
		_, err := models.ParseRisk([]byte(bad))
		require.ErrorContains(t, err, want)
	}
	head, _, _ := strings.Cut(riskText, "paper,recyclable")
	_, err := models.ParseRisk([]byte(head))
	require.ErrorContains(t, err, "no photographs")
}

// Predictions of another network would make the guarantee a lie.
func TestRiskSampleBelongsToItsNetwork(t *testing.T) {
	card := &models.Card{SHA256: strings.Repeat("a", 64), Classes: []string{"paper", "battery"}}
	folder := fstest.MapFS{models.RiskFile: {Data: []byte(riskText)}}
	s, err := models.LoadRisk(folder, card)
	require.NoError(t, err)
	require.Len(t, s.Rows, 2)
	s, err = models.LoadRisk(fstest.MapFS{}, card)
	require.NoError(t, err)
	require.Nil(t, s, "a model needs none")
	_, err = models.LoadRisk(folder, &models.Card{SHA256: strings.Repeat("b", 64), Classes: card.Classes})
	require.ErrorContains(t, err, "write it anew with binside calibrate")
	_, err = models.LoadRisk(folder, &models.Card{SHA256: card.SHA256, Classes: []string{"battery", "paper"}})
	require.ErrorContains(t, err, "the classes are")
}
