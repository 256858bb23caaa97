package api_test

import (
	"net/http"
	"slices"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"github.com/binside/binside/datasets/taxonomy"
	"github.com/binside/binside/models"
	"github.com/binside/binside/models/verdict"
	"github.com/binside/binside/server/api"
	"github.com/binside/binside/server/inspection"
)

// The same records under another taxonomy: it is said which bins do not fit,
// and its own advice is given.
func TestAnotherTaxonomyInForce(t *testing.T) {
	f := start(t, options{})
	var bin api.Bin
	f.get("/api/v1/bins/bin-here", f.read).into(t, &bin)
	require.Empty(t, bin.UnknownCategories)
	deps := f.deps
	under := func(table *taxonomy.Taxonomy, err error) {
		require.NoError(t, err)
		rules := f.deps.Rules()
		rules.Taxonomy = table
		deps.Rules = func() api.Rules { return rules }
	}
	under(taxonomy.Open("san-francisco-three", "landfill=grey"))
	f.serve(deps, api.Config{})

	f.get("/api/v1/bins/bin-here", f.read).into(t, &bin)
	require.Equal(t, bin.Accepts, bin.UnknownCategories)
	var bins struct{ Items []api.Bin }
	f.get("/api/v1/bins", f.read).into(t, &bins)
	require.NotEmpty(t, bins.Items)
	for _, b := range bins.Items {
		require.NotEmpty(t, b.UnknownCategories, b.ID)
	}
	var overview api.Overview
	f.get("/api/v1/overview", f.read).into(t, &overview)
	require.NotEmpty(t, overview.Items[0].Bins[0].UnknownCategories)
	r := f.send(http.MethodPatch, "/api/v1/bins/bin-here", f.admin, map[string]any{"accepts": []string{"landfill"}})
	var changed api.Bin
	r.into(t, &changed)
	require.Empty(t, changed.UnknownCategories)

	var tax api.Taxonomy
	f.get("/api/v1/taxonomy", f.read).into(t, &tax)
	i := slices.IndexFunc(tax.Classes, func(c api.ItemClass) bool { return c.ID == "mirror" })
	require.Equal(t, "Mirrors are landfill waste: please use the grey bin; wrap broken pieces first", tax.Classes[i].Advice.EN)
	i = slices.IndexFunc(tax.Categories, func(c taxonomy.Category) bool { return c.NoBin != nil })
	require.Equal(t, "hazardous", tax.Categories[i].ID)
	require.Empty(t, tax.Classes[0].StepAdvice, "there is one step")

	under(taxonomy.Open("rural-two-step", ""))
	f.serve(deps, api.Config{})
	f.get("/api/v1/taxonomy", f.read).into(t, &tax)
	i = slices.IndexFunc(tax.Classes, func(c api.ItemClass) bool { return c.ID == "metal" })
	require.Equal(t, map[string]taxonomy.Name{
		"household": {ZH: "金属不会烂,请投灰色桶", EN: "Metal is not perishable: please use the grey bin"},
		"collector": {ZH: "金属可以卖,请投蓝色筐", EN: "Metal is sellable: please use the blue basket"},
	}, tax.Classes[i].StepAdvice)
}

func TestAllClassesAreListedWhenAsked(t *testing.T) {
	f := start(t, options{})
	i := record(uuid.Must(uuid.NewV7()).String(), "here", "bin-here", verdict.Check, time.Now())
	i.Reading = &inspection.Reading{Rest: []models.ClassProbability{{Class: "paper", Probability: 0.06}, {Class: "glass", Probability: 0.04}}}
	_, err := f.store.SaveInspection(t.Context(), i)
	require.NoError(t, err)
	old := f.stored("here", verdict.Check, time.Now())
	classes := func(i api.Inspection) (names []string) {
		for _, c := range i.Classes {
			names = append(names, c.Class)
		}
		return names
	}
	for query, want := range map[string][]string{"": {"battery"}, "?classes=top": {"battery"}, "?classes=all": {"battery", "paper", "glass"}} {
		var got api.Inspection
		r := f.get("/api/v1/inspections/"+i.ID+query, f.read)
		require.NotContains(t, string(r.body), "eading")
		r.into(t, &got)
		require.Equal(t, want, classes(got), query)
		var list struct{ Items []api.Inspection }
		f.get("/api/v1/inspections"+query, f.read).into(t, &list)
		require.Equal(t, want, classes(list.Items[1]), query)
		require.Equal(t, []string{"battery"}, classes(list.Items[0]), "an old record has no more")
		require.Equal(t, old.ID, list.Items[0].ID)
	}
	require.Equal(t, "validation", f.get("/api/v1/inspections?classes=some", f.read).problem(t))
}
