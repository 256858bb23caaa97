package station

import (
	"errors"
	"fmt"
	"slices"
	"time"
)

// The languages in which a screen speaks, as BCP 47 tags; the first is the
// default.
const (
	Chinese = "zh-CN"
	English = "en"
)

// Languages are all of them.
var Languages = []string{Chinese, English}

// Prompts are a station's own settings of what its residents are told and how.
// What is nil or empty follows the service's configuration.
type Prompts struct {
	WindowSeconds *int `json:"window_seconds,omitempty" minimum:"5" maximum:"300" doc:"How long a resident has to put it right"`
	// Budget is how many prompts may be shown in the span; 0: as many as there
	// are.
	Budget            *int    `json:"budget,omitempty" minimum:"0" maximum:"10000" doc:"Most prompts in budget_span_seconds; 0: no limit"`
	BudgetSpanSeconds *int    `json:"budget_span_seconds,omitempty" minimum:"60" maximum:"86400"`
	QuietHours        *string `json:"quiet_hours,omitempty" maxLength:"200" example:"22:30-06:30" doc:"Daily hours without prompts by the station's own clock, several joined by commas; empty: none"`
	Language          string  `json:"language,omitempty" enum:"zh-CN,en" doc:"What the screen begins with, and speaks"`
	Volume            *int    `json:"volume,omitempty" minimum:"0" maximum:"100" doc:"Of the screen's voice, in percent; 0: it says nothing"`
	Voice             string  `json:"voice,omitempty" maxLength:"63" pattern:"^[a-z0-9][a-z0-9-]{0,62}$" doc:"A voice pack's name; absent: no pack"`
}

// Validate checks the bounds that the field tags state.
func (p *Prompts) Validate() error {
	if p == nil {
		return nil
	}
	var errs []error
	within := func(name string, v *int, low, high int) {
		if v != nil && (*v < low || *v > high) {
			errs = append(errs, fmt.Errorf("%s is %d, allowed is %d to %d", name, *v, low, high))
		}
	}
	within("window_seconds", p.WindowSeconds, 5, 300)
	within("budget", p.Budget, 0, 10_000)
	within("budget_span_seconds", p.BudgetSpanSeconds, 60, 86_400)
	within("volume", p.Volume, 0, 100)
	if p.Language != "" && !slices.Contains(Languages, p.Language) {
		errs = append(errs, fmt.Errorf("language %q is none of %q", p.Language, Languages))
	}
	if p.QuietHours != nil {
		if _, err := ParseHours(*p.QuietHours); err != nil {
			errs = append(errs, fmt.Errorf("quiet_hours %w", err))
		}
	}
	return errors.Join(errs...)
}

// Over returns p with what it leaves open taken from base.
func (p *Prompts) Over(base Prompts) Prompts {
	if p == nil {
		return base
	}
	return Prompts{
		WindowSeconds: or(p.WindowSeconds, base.WindowSeconds), Budget: or(p.Budget, base.Budget),
		BudgetSpanSeconds: or(p.BudgetSpanSeconds, base.BudgetSpanSeconds), QuietHours: or(p.QuietHours, base.QuietHours),
		Language: first(p.Language, base.Language), Volume: or(p.Volume, base.Volume), Voice: first(p.Voice, base.Voice),
	}
}

func or[T any](own, base *T) *T {
	if own != nil {
		return own
	}
	return base
}

func first(own, base string) string {
	if own != "" {
		return own
	}
	return base
}

// Seconds is a whole number of seconds as the settings hold it.
func Seconds(d time.Duration) *int {
	s := int(d / time.Second)
	return &s
}
