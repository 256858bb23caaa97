// Package correction tells the bin side of a misdeposit and follows how it
// ends: put right within the window, by the button or by the item's appearing
// at a bin that takes it; appealed, with a receipt; or not put right.
//
// A deposit is told once or never: the store holds at most one prompt of it. A
// prompt is withheld, and that is stored with the reason, in a station's quiet
// hours, when the station has been told often enough, and when the deposit was
// long ago. A station's own settings go before the service's; they are read
// with every misdeposit. Thanks follow the same hours and the same lateness. The
// package never decides a verdict and knows no screen.
//
// # The item on its way
//
// Cameras see what is put into a bin and what is taken out of one. Of an open
// prompt:
//
//   - Something is taken out of its bin: the prompt stays open and notes when,
//     so that the screen can say where to put it. Its window then ends Grace
//     later at the earliest; that happens once, so that a prompt is open for at
//     most Window and Grace. Where several prompts of the bin are open, the
//     latest deposit's is meant: it lies on top, and the screen shows it.
//   - An item of the prompt's category passes at another bin that takes it:
//     corrected, by the item. A prompt whose item has been taken out goes before
//     one whose has not, and then the oldest before the others. After a removal
//     it suffices that the item is most probably of the category (a verdict of
//     check): that something was taken out of the wrong bin and put into the
//     right one speaks for itself.
//   - Something is taken out and nothing follows: nobody knows where it went.
//     The prompt ends as not put right, with the time of the removal.
//   - A removal may say that the deposit before it was none, but the hand that
//     took the thing. Its prompt is withdrawn, or withheld where it is not open
//     yet: nobody is accused of what their hand looked like.
//
// What a camera that cannot be believed sees counts for nothing. A thing that is
// taken back before it has rested (vision/deposit's Rest) cannot be told from
// one that falls through a flap, and is no removal; that it appears at the right
// bin counts all the same.
package correction
