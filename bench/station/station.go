// Package station is the demonstration's station, as the measurements show it.
package station

import (
	"fmt"

	"github.com/binside/binside/camera/simulate"
	"github.com/binside/binside/datasets/taxonomy"
	"github.com/binside/binside/vision/deposit"
)

// Options are those of `binside serve --demo`: a bin for each category of the
// default taxonomy. known are the model's classes, nil for all.
func Options(seed uint64, known []string) (simulate.Options, error) {
	opts := simulate.DefaultOptions()
	opts.Seed, opts.Known = seed, known
	var err error
	if opts.Items, err = simulate.LoadStamps(""); err != nil {
		return opts, fmt.Errorf("the demonstration's photographs (Debian's tuxpaint-stamps-default): %w", err)
	}
	tax := taxonomy.Default()
	opts.Classes = make(map[string]string)
	for _, class := range tax.Classes {
		opts.Classes[class.ID] = class.Category
	}
	for _, c := range tax.Categories {
		opts.Bins = append(opts.Bins, simulate.Bin{
			ID: c.ID, Name: simulate.Name{ZH: c.Name.ZH, EN: c.Name.EN}, Accepts: []string{c.ID}, Colour: c.Colour.Hex,
		})
	}
	return opts, nil
}

// Regions are the bins' for the detector.
func Regions(st *simulate.Station) []deposit.Region {
	var regions []deposit.Region
	for i, b := range st.Bins() {
		regions = append(regions, deposit.Region{BinID: b.ID, Polygon: st.Region(i)})
	}
	return regions
}
