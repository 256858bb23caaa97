package models

import (
	"bytes"
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"math"
	"slices"
	"strconv"
	"strings"
)

// RiskFile is the optional third file of a model's folder: what the model
// says of photographs that its training never saw, so that thresholds can be
// chosen with a guarantee (see models/verdict). `binside calibrate` writes it.
const RiskFile = "risk.csv"

const (
	// maxRisk bounds the file, in bytes.
	maxRisk = 64 << 20
	// riskStamp begins the file's first line, which names the network that the
	// predictions are of: those of another would make the guarantee a lie.
	riskStamp = "# predictions of model.onnx sha256 "
	// sumTolerance is how far the rounded probabilities of a row may be from
	// adding up to 1.
	sumTolerance = 1e-3
)

var riskColumns = []string{"class", "category", "source", "group", "strangeness"}

// RiskSample is the content of a RiskFile. It is read only once it was loaded.
type RiskSample struct {
	// Model is the hex SHA-256 of the network that made the predictions.
	Model string
	// Classes are the model's, in the card's order.
	Classes []string
	Rows    []RiskRow
}

// RiskRow is one photograph: what it truly shows and what the model says.
type RiskRow struct {
	// Class is the true item class, empty where only the category is known;
	// it may be none of the model's. Category is the true category by the
	// built-in taxonomy.
	Class, Category string
	Source          string
	// Group joins near-duplicates; they count as one photograph.
	Group       string
	Strangeness float64
	// Probabilities are calibrated, in the order of RiskSample.Classes.
	Probabilities []float64
}

// Prediction is what the model said of the photograph, unsorted.
func (r *RiskRow) Prediction(classes []string) Prediction {
	p := Prediction{Strangeness: r.Strangeness, Agreement: 1, Classes: make([]ClassProbability, len(classes))}
	for i, c := range classes {
		p.Classes[i] = ClassProbability{Class: c, Probability: r.Probabilities[i]}
	}
	return p
}

// LoadRisk reads RiskFile at the root of fsys and checks that it belongs to
// the card's network; nil without an error where there is no such file.
func LoadRisk(fsys fs.FS, card *Card) (*RiskSample, error) {
	data, err := readFile(fsys, RiskFile, maxRisk)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	s, err := ParseRisk(data)
	if err != nil {
		return nil, fmt.Errorf("models: %s: %w", RiskFile, err)
	}
	if s.Model != card.SHA256 {
		return nil, fmt.Errorf("models: %s holds predictions of the network %q, but %s is for %q: write it anew with binside calibrate", RiskFile, s.Model, CardFile, card.SHA256)
	}
	if !slices.Equal(s.Classes, card.Classes) {
		return nil, fmt.Errorf("models: %s: the classes are %q, allowed are the card's, %q", RiskFile, s.Classes, card.Classes)
	}
	return s, nil
}

// ParseRisk reads a RiskFile; an error names the line, the column, the value
// and what is allowed.
func ParseRisk(data []byte) (*RiskSample, error) {
	first, rest, _ := bytes.Cut(data, []byte("\n"))
	digest, ok := strings.CutPrefix(strings.TrimSpace(string(first)), riskStamp)
	if !ok || !digestRule.MatchString(digest) {
		return nil, fmt.Errorf("line 1 is %.80q, allowed is %q and 64 hex digits", first, riskStamp)
	}
	reader := csv.NewReader(bytes.NewReader(rest))
	head, err := reader.Read()
	if err != nil {
		return nil, fmt.Errorf("the header is missing: %w", err)
	}
	n := len(riskColumns)
	if len(head) < n+2 || !slices.Equal(head[:n], riskColumns) {
		return nil, fmt.Errorf("the header is %.200q, allowed is %q and at least 2 classes", head, riskColumns)
	}
	s := &RiskSample{Model: digest, Classes: head[n:]}
	for {
		record, err := reader.Read()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return nil, err
		}
		row, err := parseRisk(record, s.Classes)
		if err != nil {
			line, _ := reader.FieldPos(0)
			return nil, fmt.Errorf("line %d: %w", line+1, err) // the stamp's line
		}
		s.Rows = append(s.Rows, row)
	}
	if len(s.Rows) == 0 {
		return nil, errors.New("no photographs")
	}
	return s, nil
}

func parseRisk(record, classes []string) (RiskRow, error) {
	row := RiskRow{Class: record[0], Category: record[1], Source: record[2], Group: record[3], Probabilities: make([]float64, len(classes))}
	errs := new(fieldErrors)
	errs.check(row.Category != "", "category", row.Category, "a category's id")
	errs.check(row.Group != "", "group", row.Group, "the group's name")
	number := func(field, text string, most float64) float64 {
		v, err := strconv.ParseFloat(text, 64)
		errs.check(err == nil && v >= 0 && v <= most, field, text, fmt.Sprintf("a number from 0 to %g", most))
		return v
	}
	row.Strangeness = number("strangeness", record[4], math.MaxFloat64)
	var sum float64
	for i, class := range classes {
		row.Probabilities[i] = number(class, record[len(riskColumns)+i], 1)
		sum += row.Probabilities[i]
	}
	errs.check(math.Abs(sum-1) <= sumTolerance, "the probabilities' sum", sum, "1")
	return row, errors.Join(errs.all...)
}

// Write writes the sample as ParseRisk reads it: probabilities with five
// significant digits.
func (s *RiskSample) Write(w io.Writer) error {
	if _, err := fmt.Fprintln(w, riskStamp+s.Model); err != nil {
		return err
	}
	out := csv.NewWriter(w)
	record := append(slices.Clone(riskColumns), s.Classes...)
	if err := out.Write(record); err != nil {
		return err
	}
	decimal := func(v float64) string { return strconv.FormatFloat(v, 'g', 5, 64) }
	for _, r := range s.Rows {
		record = append(record[:0], r.Class, r.Category, r.Source, r.Group, decimal(r.Strangeness))
		for _, p := range r.Probabilities {
			record = append(record, decimal(p))
		}
		if err := out.Write(record); err != nil {
			return err
		}
	}
	out.Flush()
	return out.Error()
}
