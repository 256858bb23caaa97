package simulate

import (
	"errors"
	"fmt"
	"slices"
	"time"
)

// Options say what the demonstration shows.
type Options struct {
	// Bins of the station from left to right, 1 to 6.
	Bins []Bin
	// Items to throw away: LoadStamps or LoadSamples.
	Items []Item
	// Classes maps item classes to the category that they belong to. Items of
	// other classes are left out, and Inventory says so.
	Classes map[string]string
	// Known are the item classes that the model can tell; nil for all.
	Known []string
	// Seed decides everything that is random.
	Seed uint64
	// WrongShare is the share of items that go to a wrong bin, 0 to 1.
	WrongShare float64
	// Disturbance is how much passes by that is no deposit: 1 is a person, a
	// hand or a bag about every four seconds, 0 nothing.
	Disturbance float64
	// Leaning is the share of deposits, 0 to 1, over which whoever brings them
	// leans, so that head and shoulders come over the bin.
	Leaning float64
	// Standing is the share of those who pass, 0 to 1, that stop at a bin, lean
	// over it for some seconds and go on without having put anything in.
	Standing float64
	// NoDeposits shows a station at which nothing is thrown away.
	NoDeposits bool
	// LightChange scales drift and steps of the light; 1 is a cloudy day.
	LightChange float64
	// Quiet is how long the empty station is shown first.
	Quiet time.Duration
}

// DefaultOptions are those of the demonstration, without bins, items and
// classes.
func DefaultOptions() Options {
	return Options{Seed: 1, WrongShare: 0.35, Disturbance: 1, LightChange: 1, Quiet: 3 * time.Second}
}

// Inventory counts what the demonstration can show, per category.
type Inventory struct {
	Judged    []InventoryRow `json:"judged"`
	NotJudged []InventoryRow `json:"not_judged"`
	// LeftOut are item classes without a category: never shown.
	LeftOut []string `json:"left_out,omitempty"`
}

// InventoryRow is one category's photographs.
type InventoryRow struct {
	Category    string   `json:"category"`
	ItemClasses []string `json:"item_classes"`
	// N is the number of photographs.
	N int `json:"n"`
}

// stock is the items by class, in a fixed order.
type stock struct {
	classes []stockClass
	weight  []float64 // cumulative
	left    []string
}

type stockClass struct {
	name, category string
	judged         bool
	items          []*Item
}

// newStock groups the items. A class is drawn with a weight of the square
// root of its number of photographs: otherwise the fruit would leave no room
// for anything else.
func newStock(o Options) (*stock, error) {
	byClass := map[string][]*Item{}
	for i := range o.Items {
		it := &o.Items[i]
		if it.picture == nil {
			return nil, fmt.Errorf("simulate: item %s has no picture: items come from LoadStamps or LoadSamples", it.File)
		}
		byClass[it.Class] = append(byClass[it.Class], it)
	}
	st := &stock{}
	total := 0.
	for _, name := range sortedKeys(byClass) {
		category, ok := o.Classes[name]
		if !ok {
			st.left = append(st.left, name)
			continue
		}
		items := byClass[name]
		st.classes = append(st.classes, stockClass{
			name: name, category: category, items: items, judged: o.Known == nil || slices.Contains(o.Known, name),
		})
		total += sqrt(len(items))
		st.weight = append(st.weight, total)
	}
	if len(st.classes) == 0 {
		return nil, fmt.Errorf("simulate: %w that any category is given for", ErrNoItems)
	}
	return st, nil
}

func (st *stock) inventory() Inventory {
	inv := Inventory{Judged: []InventoryRow{}, NotJudged: []InventoryRow{}, LeftOut: st.left}
	for _, c := range st.classes {
		rows := &inv.NotJudged
		if c.judged {
			rows = &inv.Judged
		}
		i := slices.IndexFunc(*rows, func(r InventoryRow) bool { return r.Category == c.category })
		if i < 0 {
			i = len(*rows)
			*rows = append(*rows, InventoryRow{Category: c.category})
		}
		(*rows)[i].ItemClasses = append((*rows)[i].ItemClasses, c.name)
		(*rows)[i].N += len(c.items)
	}
	return inv
}

func (o Options) validate() error {
	switch {
	case !(o.WrongShare >= 0 && o.WrongShare <= 1):
		return fmt.Errorf("simulate: share of wrong deposits is %g, it must be from 0 to 1", o.WrongShare)
	case !(o.Disturbance >= 0 && o.Disturbance <= 10):
		return fmt.Errorf("simulate: disturbance is %g, it must be from 0 to 10", o.Disturbance)
	case !(o.Leaning >= 0 && o.Leaning <= 1):
		return fmt.Errorf("simulate: share of those who lean over is %g, it must be from 0 to 1", o.Leaning)
	case !(o.Standing >= 0 && o.Standing <= 1):
		return fmt.Errorf("simulate: share of those who stand at a bin is %g, it must be from 0 to 1", o.Standing)
	case !(o.LightChange >= 0 && o.LightChange <= 3):
		return fmt.Errorf("simulate: light change is %g, it must be from 0 to 3", o.LightChange)
	case o.Quiet < 0 || o.Quiet > time.Hour:
		return errors.New("simulate: the quiet time must be from 0 to an hour")
	}
	return nil
}
