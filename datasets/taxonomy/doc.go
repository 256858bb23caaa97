// Package taxonomy is the table from item class to category: dated, of one
// jurisdiction, and separate from any model, so that a rule may change
// without a new model and a model without a new rule.
//
// Default is the embedded table for towns in China that sort four ways; IDs
// lists the others that are embedded, and Open takes one of them or another
// file of the same shape. The package never guesses: a class that the table
// does not name has no category.
package taxonomy
