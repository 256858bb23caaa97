package taxonomy

import (
	"regexp"
	"strings"
	"unicode"
	"unicode/utf8"
)

// Advice returns one line that tells a resident where an item of a class
// goes, in a language by its tag; empty where the table does not name the
// class. It is composed so that it holds for the colours of the site:
//
//	zh  {class}{predicate},请投{colour}{container}
//	en  {Class} {is|are} {predicate}: please use the {colour} {container}
//
//	电池属于有害垃圾,请投红色桶
//	Batteries are hazardous waste: please use the red bin
//
// Class is the class's plural with "are" where it has one, else its name with
// "is". Predicate, colour and container are those of the stream that takes
// the class's category at the first step; a predicate that is not given is
// "属于" and the stream's name, in English its name in small letters. A
// category without a bin ends with its no_bin text in place of the bin.
//
// A class's own advice replaces the line; in it {default} stands for the
// composed line and {colour} for the colour.
func (t *Taxonomy) Advice(class, lang string) string { return t.AdviceAt(t.Steps[0].ID, class, lang) }

// AdviceAt is Advice for whoever sorts at one of the steps, by the step's id;
// empty where the table has no such step.
func (t *Taxonomy) AdviceAt(step, class, lang string) string {
	s, ok := t.Step(step)
	if !ok {
		return ""
	}
	c, ok := t.Class(class)
	if !ok {
		return ""
	}
	category, _ := t.Category(c.Category) // Validate has seen it
	line, colour := compose(s, c, category)
	if c.Advice != nil {
		line = Name{ZH: fill(c.Advice.ZH, line.ZH, colour.ZH), EN: fill(c.Advice.EN, line.EN, colour.EN)}
	}
	return line.In(lang)
}

func compose(s Step, c Class, category Category) (line, colour Name) {
	predicate, name, colour := category.Predicate, category.Name, category.Colour.Name
	stream, binned := s.StreamOf(category.ID)
	if binned {
		predicate, name, colour = stream.Predicate, stream.Name, stream.Colour.Name
	}
	if predicate == (Name{}) {
		predicate = Name{ZH: "属于" + name.ZH, EN: firstTo(unicode.ToLower, name.EN)}
	}
	subject := firstTo(unicode.ToUpper, c.Name.EN) + " is "
	if c.Plural != "" {
		subject = firstTo(unicode.ToUpper, c.Plural) + " are "
	}
	line = Name{ZH: c.Name.ZH + predicate.ZH + ",", EN: subject + predicate.EN + ": "}
	if !binned {
		return Name{ZH: line.ZH + category.NoBin.ZH, EN: line.EN + category.NoBin.EN}, colour
	}
	line.ZH += "请投" + colour.ZH + s.Container.ZH
	line.EN += "please use the " + colour.EN + " " + s.Container.EN
	return line, colour
}

func fill(advice, line, colour string) string {
	return strings.NewReplacer("{default}", line, "{colour}", colour).Replace(advice)
}

func firstTo(letterCase func(rune) rune, s string) string {
	r, size := utf8.DecodeRuneInString(s)
	return string(letterCase(r)) + s[size:]
}

var blank = regexp.MustCompile(`\{[^{}]*\}?`)

// advice wants both languages, one line each, and no blanks but ours.
func (v *violations) advice(field string, n Name) {
	v.name(field, n)
	for lang, text := range map[string]string{"zh": n.ZH, "en": n.EN} {
		if strings.ContainsAny(text, "\r\n") {
			v.add(field+"."+lang, text, "one line")
		}
		for _, b := range blank.FindAllString(text, -1) {
			if b != "{default}" && b != "{colour}" {
				v.add(field+"."+lang, b, "{default} and {colour} in braces")
			}
		}
	}
}
