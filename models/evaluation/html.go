package evaluation

import (
	_ "embed"
	"encoding/base64"
	"fmt"
	"html/template"
	"io"
	"maps"
	"slices"

	"github.com/binside/binside/datasets/taxonomy"
)

//go:embed page.html
var pageText string

// PageOptions are what a page shows beyond its report.
type PageOptions struct {
	// Thumbnails are small JPEGs of mistakes, by the path of the picture. They
	// are embedded, so a page with them is as private as the pictures are.
	Thumbnails map[string][]byte
}

// page is what the template reads.
type page struct {
	*Report
	SourceNames []string
	Metrics     []metric
	Charts      charts
	options     PageOptions
}

type charts struct {
	Accuracy, Recall, Heat, Reliability, RiskCoverage, Verdicts template.HTML
}

// metric is one row of the table of sources: its name, what it means, and its
// value for any figures.
type metric struct {
	Name, Means taxonomy.Name
	Of          func(Figures) string
}

// WriteHTML writes the report as one page in Chinese and English that needs no
// other file, no script and no network.
func (r *Report) WriteHTML(w io.Writer, options PageOptions) error {
	p := &page{
		Report: r, SourceNames: slices.Sorted(maps.Keys(r.Sources)), Metrics: metrics(), options: options,
		Charts: charts{
			Accuracy: r.sourceAccuracy(), Recall: r.recalls(), Heat: r.heatMap(), Reliability: r.reliabilityDiagram(),
			RiskCoverage: r.riskCoverageCurve(), Verdicts: r.verdictBars(),
		},
	}
	t, err := template.New("page").Funcs(template.FuncMap{
		"t":        func(zh, en string) template.HTML { return both(taxonomy.Name{ZH: zh, EN: en}) },
		"both":     both,
		"category": p.category,
		"class":    p.class,
		"n":        thousands,
		"pct":      optionalPercent,
		"plain":    percent,
		"of":       withInterval,
		"thumb":    p.thumbnail,
		"figures":  p.figures,
	}).Parse(pageText)
	if err != nil {
		return fmt.Errorf("evaluation: the page: %w", err) // held by a test
	}
	if err := t.Execute(w, p); err != nil {
		return fmt.Errorf("evaluation: the page: %w", err)
	}
	return nil
}

// both writes a text in both languages, of which the page's style shows one.
func both(n taxonomy.Name) template.HTML {
	//nolint:gosec // escaped here
	return template.HTML(`<span class="zh" lang="zh-CN">` + template.HTMLEscapeString(n.ZH) +
		`</span><span class="en" lang="en">` + template.HTMLEscapeString(n.EN) + `</span>`)
}

func (p *page) category(id string) template.HTML {
	if c, ok := p.table.Category(id); ok {
		return both(c.Name)
	}
	return both(taxonomy.Name{ZH: "(无)", EN: "(none)"})
}

// class is a class's name where the taxonomy has one, else the id.
func (p *page) class(id string) template.HTML {
	if c, ok := p.table.Class(id); ok {
		return both(c.Name)
	}
	return both(taxonomy.Name{ZH: id, EN: id})
}

// thumbnail is a picture as a data URL, "" where there is none.
func (p *page) thumbnail(path string) template.URL {
	data, ok := p.options.Thumbnails[path]
	if !ok {
		return ""
	}
	return template.URL("data:image/jpeg;base64," + base64.StdEncoding.EncodeToString(data)) //nolint:gosec // made of letters, digits and + / =
}

// figures are those of a source by name, "" for all of them.
func (p *page) figures(source string) Figures {
	if source == "" {
		return p.All
	}
	return p.Sources[source]
}

func optionalPercent(v *float64) string {
	if v == nil {
		return "–"
	}
	return percent(*v)
}

// withInterval is a proportion as "95.7% (94.6–96.5)".
func withInterval(p *Proportion) string {
	if p == nil {
		return "–"
	}
	return fmt.Sprintf("%s (%.1f–%.1f)", percent(p.Value), 100*p.Interval95[0], 100*p.Interval95[1])
}

func decimal(v *float64) string {
	if v == nil {
		return "–"
	}
	return fmt.Sprintf("%.3f", *v)
}

// metrics are the rows of the table of sources.
func metrics() []metric {
	name := func(zh, en string) taxonomy.Name { return taxonomy.Name{ZH: zh, EN: en} }
	return []metric{
		{name("图片数", "Pictures (n)"), name("已评测的图片", "pictures evaluated"), func(f Figures) string { return thousands(f.N) }},
		{name("准确率", "Accuracy"), name("最可能的类别正确的图片占比(95% 威尔逊区间)", "pictures whose most probable category is right, with Wilson's 95% interval"),
			func(f Figures) string { return withInterval(f.AccuracyOf) }},
		{name("平衡准确率", "Balanced accuracy"), name("出现的各类别召回率的平均", "mean of the recalls of the categories that occur"),
			func(f Figures) string { return optionalPercent(f.BalancedAccuracy) }},
		{name("校准误差 ECE", "Calibration error (ECE)"), name("给出的概率与实际正确率的平均差,15 个等宽区间", "mean gap between the probability given and the share that was right, 15 bins of equal width"),
			func(f Figures) string { return decimal(f.ECE) }},
		{name("逐类 ECE", "Classwise ECE"), name("各类别概率的校准误差的平均", "mean calibration error of every category's probability"),
			func(f Figures) string { return decimal(f.ClasswiseECE) }},
		{name("AURC", "AURC"), name("风险–覆盖率曲线下的面积,越小越好", "area under the risk–coverage curve, lower is better"), func(f Figures) string { return decimal(f.AURC) }},
		{name("误报:投对却被提示", "Told though right"), name("投入正确的桶却被提示的占比(95% 单侧上界,克洛珀–皮尔逊)", "tell among deposits into the right bin, with the one-sided 95% Clopper–Pearson upper bound"), falseAccusations},
		{name("投错且被提示", "Told when wrong"), name("投入错误的桶中被提示的占比", "tell among deposits into a wrong bin"), func(f Figures) string { return withInterval(f.RatesOf.TellOnWrong) }},
		{name("投错却通过", "Passed though wrong"), name("投入错误的桶却通过的占比", "pass among deposits into a wrong bin"), func(f Figures) string { return withInterval(f.RatesOf.PassOnWrong) }},
		{name("有害垃圾投错却通过", "Hazardous passed though wrong"), name("有害垃圾投入错误的桶却通过的占比", "pass among deposits of hazardous things into a wrong bin"), func(f Figures) string { return withInterval(f.RatesOf.HazardousPassOnWrong) }},
		{name("需人工查看", "Sent to a person"), name("所有投放中需人工查看的占比", "check among all deposits"), func(f Figures) string { return withInterval(f.RatesOf.CheckShare) }},
		{name("投对中需人工查看", "Sent to a person though right"), name("投入正确的桶中需人工查看的占比", "check among deposits into the right bin"), func(f Figures) string { return withInterval(f.RatesOf.CheckShareOnCorrect) }},
		{name("无法辨认", "Unreadable"), name("太暗、太亮或太模糊的占比", "too dark, too bright or too blurred, among all deposits"), func(f Figures) string { return withInterval(f.RatesOf.UnreadableShare) }},
		{name("提示的类别正确", "Tell names the truth"), name("投错被提示时说对类别的占比", "tells in a wrong bin that name the right category"), func(f Figures) string { return withInterval(f.RatesOf.TellNamesTruth) }},
	}
}

func falseAccusations(f Figures) string {
	if f.TellOnCorrect == nil {
		return "–"
	}
	return fmt.Sprintf("%s (≤ %s)", percent(*f.TellOnCorrect), percent(*f.TellOnCorrectUpper95))
}
