// Package evaluation says how good a classifier and the rules of its verdicts
// are on labelled pictures, with how sure each figure is.
//
// A manifest names the pictures and where each belongs (ReadManifest). An
// Evaluator runs a classifier and a judge over them, every picture taken once
// as thrown into the bin of each category of the taxonomy (Run). Build turns
// the results into a Report, whose JSON is the same byte for byte for the same
// inputs and whose page (WriteHTML) needs nothing but a browser.
//
// The truth is always the manifest's category: neither the taxonomy nor the
// model is asked where a picture belongs, and the names of sources and classes
// need not be known to either. The package never trains, tunes or chooses
// anything.
//
// # What the figures divide by
//
// A "deposit" is one picture thrown into one bin, so n pictures and k
// categories make n·k deposits: n into the right bin, n·(k-1) into a wrong
// one. Unreadable is a verdict on a picture; a file that cannot be decoded has
// none and is counted apart (UnreadableFiles), never in n.
//
//	accuracy               pictures whose most probable category is theirs / n
//	balanced_accuracy      mean of the recalls of the categories that occur
//	recall.<category>      pictures of the category that are recognised / pictures of it
//	precision              pictures recognised as the category that are of it / recognised as it
//	ece                    mean gap between the probability of the most probable
//	                       category and the share that was right, over 15 bins
//	classwise_ece          the same for each category's probability, averaged
//	tell_on_correct        tell / n deposits into the right bin: false accusations
//	tell_on_wrong          tell / n·(k-1) deposits into a wrong bin
//	pass_on_wrong          pass / n·(k-1) deposits into a wrong bin
//	check_share            check / all n·k deposits
//	check_share_on_correct check / n deposits into the right bin
//	unreadable_share       unreadable / all n·k deposits
//	hazardous_pass_on_wrong  pass / deposits of hazardous things into a wrong bin
//	tell_names_truth       of the tells in a wrong bin, those that name the right one
//
// Intervals are Wilson's, the upper bound of tell_on_correct is Clopper and
// Pearson's, one-sided; both take pictures for independent (see Figures.Groups)
// and the deposits of one picture for one.
//
// A figure whose divisor is 0 is null; a category that does not occur is left
// out of recall and n_by_category.
package evaluation
