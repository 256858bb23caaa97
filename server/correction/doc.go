// Package correction tells the bin side of a misdeposit and follows how it
// ends: put right within the window, by the button or by the item's appearing
// at a bin that takes it; appealed, with a receipt; or not put right.
//
// A deposit is told once or never: the store holds at most one prompt of it. A
// prompt is withheld, and that is stored with the reason, in a station's quiet
// hours, when the station has been told often enough, and when the deposit was
// long ago. The package never decides a verdict and knows no screen.
package correction
