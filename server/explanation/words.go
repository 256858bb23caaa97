package explanation

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"github.com/binside/binside/datasets/taxonomy"
	"github.com/binside/binside/models/verdict"
	"github.com/binside/binside/server/inspection"
	"github.com/binside/binside/vision/condition"
)

// Explanation is what a record says of its own decision.
type Explanation struct {
	InspectionID string          `json:"inspection_id" format:"uuid"`
	Verdict      verdict.Verdict `json:"verdict" enum:"pass,tell,check,unreadable"`
	Reason       string          `json:"reason" doc:"The rule that fired, a stable word"`
	Sentence     taxonomy.Name   `json:"sentence" doc:"The rule in words"`
	// Classes are the most probable item classes, Categories all of them, the
	// most probable first.
	Classes    []ExplainedClass    `json:"classes"`
	Categories []ExplainedCategory `json:"categories"`
	Margins    []Margin            `json:"margins" doc:"What was compared with which threshold; empty where nothing was"`
	// ThresholdsOf says when the margins' thresholds held.
	ThresholdsOf string `json:"thresholds_of" enum:"decision,now" doc:"now: a limit in the bin's settings is among the thresholds, as it is now; else all are those of the decision"`
	Frames       Frames `json:"frames"`

	ModelVersion    string `json:"model_version"`
	TaxonomyVersion string `json:"taxonomy_version"`
	RuleVersion     string `json:"rule_version"`
}

// ExplainedClass is one item class with its calibrated probability.
type ExplainedClass struct {
	Class       string        `json:"class"`
	Name        taxonomy.Name `json:"name"`
	Category    string        `json:"category" doc:"Empty where the taxonomy does not name the class"`
	Probability float64       `json:"probability" minimum:"0" maximum:"1"`
}

// ExplainedCategory is one category with its calibrated probability.
type ExplainedCategory struct {
	Category    string        `json:"category"`
	Name        taxonomy.Name `json:"name"`
	Colour      string        `json:"colour" example:"#d32f2f" doc:"sRGB; empty where the taxonomy has no such category"`
	Probability float64       `json:"probability" minimum:"0" maximum:"1"`
	Accepted    bool          `json:"accepted" doc:"Whether the bin took it when it was decided"`
}

// Frames is what the deposit's pictures say together.
type Frames struct {
	Kept int `json:"kept" doc:"Pictures kept as evidence"`
	// Agreement and Strangeness are models.Prediction's, absent where the
	// record has none or the model measured none.
	Agreement   *float64 `json:"agreement,omitempty" minimum:"0" maximum:"1" doc:"Share of the frames whose own best class is the whole's"`
	Strangeness *float64 `json:"strangeness,omitempty" minimum:"0" doc:"Above 1: stranger than nearly all that the model learnt from"`
}

// Describe puts the record into words. bin is the bin as it is now, and th the
// thresholds that hold where it has none of its own: of them only the limits Tell
// and Pass are read, which no record keeps. The names are those of the taxonomy
// in force; what it does not know keeps its id.
func Describe(i *inspection.Inspection, bin *BinNow, th verdict.Thresholds, tax *taxonomy.Taxonomy) Explanation {
	if bin.Thresholds != nil {
		th = *bin.Thresholds
	}
	e := Explanation{
		InspectionID: i.ID, Verdict: i.Verdict, Reason: i.Reason, Sentence: sentence(i, bin.Name, tax),
		Classes: make([]ExplainedClass, len(i.Classes)), Categories: categories(i, tax),
		ThresholdsOf: "decision", Frames: frames(i),
		ModelVersion: i.ModelVersion, TaxonomyVersion: i.TaxonomyVersion, RuleVersion: i.RuleVersion,
	}
	var limited bool
	if e.Margins, limited = margins(i, th, tax); limited {
		e.ThresholdsOf = "now"
	}
	for n, c := range i.Classes {
		category, _ := tax.CategoryOf(c.Class)
		e.Classes[n] = ExplainedClass{Class: c.Class, Name: className(tax, c.Class), Category: category, Probability: c.Probability}
	}
	return e
}

// BinNow is what of a bin's settings the words need; the zero value stands for
// a bin that is not known any more.
type BinNow struct {
	Name       string
	Thresholds *verdict.Thresholds
}

// frames reads what the record keeps of the deposit's pictures. A strangeness
// of 0 is left out: a model that does not measure it says so.
func frames(i *inspection.Inspection) Frames {
	f := Frames{Kept: len(i.Evidence), Agreement: i.Agreement}
	if i.Strangeness != nil && *i.Strangeness > 0 {
		f.Strangeness = i.Strangeness
	}
	return f
}

func categories(i *inspection.Inspection, tax *taxonomy.Taxonomy) []ExplainedCategory {
	out := make([]ExplainedCategory, 0, len(i.Categories))
	for id, p := range i.Categories {
		c := ExplainedCategory{Category: id, Name: categoryName(tax, id), Probability: p, Accepted: slices.Contains(i.Accepts, id)}
		if known, ok := tax.Category(id); ok {
			c.Colour = known.Colour.Hex
		}
		out = append(out, c)
	}
	slices.SortFunc(out, func(a, b ExplainedCategory) int {
		return cmp.Or(cmp.Compare(b.Probability, a.Probability), cmp.Compare(a.Category, b.Category))
	})
	return out
}

// sentence is the bin, what was seen, and the rule that fired.
func sentence(i *inspection.Inspection, bin string, tax *taxonomy.Taxonomy) taxonomy.Name {
	rule, ok := rules[i.Reason]
	if kind, of := inspection.OfCamera(i.Reason); of {
		rule, ok = cameraRules[kind]
	}
	if !ok {
		rule = taxonomy.Name{ZH: "规则:" + i.Reason + "。", EN: "Rule: " + i.Reason + "."}
	}
	if i.Verdict == verdict.Unreadable {
		return rule // what was seen means nothing then
	}
	if bin == "" {
		bin = i.BinID
	}
	opening := taxonomy.Name{ZH: bin, EN: bin}
	if zh, en := accepted(i, tax); zh != "" {
		opening.ZH += "(收" + zh + ")"
		opening.EN += " (takes: " + en + ")"
	}
	seen := taxonomy.Name{ZH: "认出的品类都不在分类标准里。", EN: "nothing that was recognised is in the taxonomy. "}
	if i.Category != "" {
		of, what := categoryName(tax, i.Category), className(tax, i.ItemClass)
		p := percent(i.Confidence)
		seen.ZH = fmt.Sprintf("最可能是%s %s%s。", of.ZH, p, inBrackets("(", "主要是"+what.ZH, i, ")"))
		seen.EN = fmt.Sprintf("most probably: %s, %s%s. ", of.EN, p, inBrackets(" (", "mainly "+what.EN, i, ")"))
	}
	return taxonomy.Name{ZH: opening.ZH + ";" + seen.ZH + rule.ZH, EN: opening.EN + "; " + seen.EN + rule.EN}
}

// inBrackets is the item class's name and, where it is listed, its
// probability; nothing where the record has no class.
func inBrackets(open, name string, i *inspection.Inspection, end string) string {
	if i.ItemClass == "" {
		return ""
	}
	for _, c := range i.Classes {
		if c.Class == i.ItemClass {
			return open + name + " " + percent(c.Probability) + end
		}
	}
	return open + name + end
}

// rules are the reasons of a verdict in words.
var rules = map[string]taxonomy.Name{
	verdict.ReasonOtherSure: {
		ZH: "不提示的预期危害超过误提示,达到了本桶的门槛:当场提示误投。",
		EN: "Saying nothing is expected to do more harm than a false accusation, by as much as this bin asks for: the resident is told.",
	},
	verdict.ReasonAccepted: {
		ZH: "不提示的预期危害小于请人查看的代价:通过。",
		EN: "Saying nothing is expected to do less harm than a person's time is worth: it passes.",
	},
	verdict.ReasonUnsure: {
		ZH: "既不足以通过,也不足以说投错:请人查看,现场不提示。",
		EN: "That is neither enough to pass nor enough to call it wrong: a person should look, and nothing is said.",
	},
	verdict.ReasonNoBound: {
		ZH: "很可能投错,但样本太少,无法保证误提示率:请人查看,现场不提示。",
		EN: "It is probably wrong, but there are too few examples to bound false accusations: a person should look, and nothing is said.",
	},
	verdict.ReasonStrange: {
		ZH: "画面与模型见过的一切都不像,这些概率不可信:请人查看,现场不提示。",
		EN: "The picture is unlike anything that the model knows, so these probabilities mean little: a person should look, and nothing is said.",
	},
	inspection.ReasonBin: {
		ZH: "这个桶是按另一套分类标准设置的,说不清什么该投进来:请人查看,现场不提示。",
		EN: "The bin was set up for another taxonomy, so nobody can say what belongs in it: a person should look, and nothing is said.",
	},
	inspection.ReasonBinRemoved: {
		ZH: "这个桶在判断之前已被删除,说不清什么该投进来:请人查看,现场不提示。",
		EN: "The bin was removed before the deposit was judged, so nobody can say what belonged in it: a person should look, and nothing is said.",
	},
	inspection.ReasonHidden: {
		ZH: "画面里像是有人,大半已被遮盖,看不清,不作判断。",
		EN: "Somebody seems to be in the picture: most of it is painted over, and nothing is judged.",
	},
	verdict.ReasonTooDark:   {ZH: "图片太暗,看不清,不作判断。", EN: "The picture is too dark to judge."},
	verdict.ReasonTooBright: {ZH: "图片过曝,看不清,不作判断。", EN: "The picture is too bright to judge."},
	verdict.ReasonBlurred:   {ZH: "图片模糊,看不清,不作判断。", EN: "The picture is too blurred to judge."},
}

// cameraRules are the reasons of what a camera in bad condition showed.
var cameraRules = map[condition.Kind]taxonomy.Name{
	condition.Frozen:      {ZH: "摄像头画面卡住,不作判断,现场不提示。", EN: "The camera's picture was frozen: nothing is judged, nothing is said."},
	condition.Black:       {ZH: "摄像头画面全黑,不作判断,现场不提示。", EN: "The camera's picture was black: nothing is judged, nothing is said."},
	condition.Overexposed: {ZH: "摄像头画面过曝,不作判断,现场不提示。", EN: "The camera was blinded by light: nothing is judged, nothing is said."},
	condition.Night:       {ZH: "光线太暗,摄像头看不清,不作判断,现场不提示。", EN: "It was too dark for the camera: nothing is judged, nothing is said."},
	condition.Blurred:     {ZH: "摄像头画面模糊,不作判断,现场不提示。", EN: "The camera was out of focus: nothing is judged, nothing is said."},
	condition.Dirty:       {ZH: "摄像头镜头脏了,不作判断,现场不提示。", EN: "The camera's lens was dirty: nothing is judged, nothing is said."},
	condition.Moved:       {ZH: "摄像头被移动过,不作判断,现场不提示。", EN: "The camera had been moved: nothing is judged, nothing is said."},
	condition.Covered:     {ZH: "摄像头被遮挡,不作判断,现场不提示。", EN: "The camera was covered: nothing is judged, nothing is said."},
	condition.Clock:       {ZH: "摄像头时钟不准,不作判断,现场不提示。", EN: "The camera's clock was wrong: nothing is judged, nothing is said."},
}

func accepted(i *inspection.Inspection, tax *taxonomy.Taxonomy) (zh, en string) {
	names := make([]taxonomy.Name, len(i.Accepts))
	for n, id := range i.Accepts {
		names[n] = categoryName(tax, id)
	}
	join := func(sep string, in func(taxonomy.Name) string) string {
		parts := make([]string, len(names))
		for n, name := range names {
			parts[n] = in(name)
		}
		return strings.Join(parts, sep)
	}
	return join("、", func(n taxonomy.Name) string { return n.ZH }), join(", ", func(n taxonomy.Name) string { return n.EN })
}

func categoryName(tax *taxonomy.Taxonomy, id string) taxonomy.Name {
	if c, ok := tax.Category(id); ok {
		return c.Name
	}
	return taxonomy.Name{ZH: id, EN: id}
}

func className(tax *taxonomy.Taxonomy, id string) taxonomy.Name {
	if c, ok := tax.Class(id); ok {
		return c.Name
	}
	return taxonomy.Name{ZH: id, EN: id}
}

// percent never says 0% or 100% of what is neither.
func percent(p float64) string {
	switch {
	case p < 1 && p > 0.999:
		return ">99.9%"
	case p > 0 && p < 0.001:
		return "<0.1%"
	}
	return fmt.Sprintf("%.1f%%", 100*p)
}
