// Package pipeline is the line from a picture to a stored inspection:
//
//	Intake   a whole deposit pushed to a bin      ┐
//	Cameras  frames → keeper → detector → deposit ┴─▶ queue ─▶ Worker: models
//	         → verdict → evidence → store → notification
//	Retention  takes expired evidence away
//
// Every part takes what it needs through the small interfaces in ports.go and
// knows neither HTTP nor SQL.
//
// # Order
//
// Start: store, object store, models, hub, queue; then Worker.Start, then
// Cameras.Start and Retention.Start, and at last whatever accepts requests.
//
// Stop, the other way round, each waiting for its goroutines: stop accepting
// requests (Intake has no goroutine), Cameras.Close (sources end, what the
// detectors hold is flushed and queued), Retention.Close, Worker.Close (no new
// deposit is taken; those at work are finished or, after the queue's drain
// time-out, go back to it), then hub, queue, object store, store.
//
// # What is durable when
//
// A pushed deposit is safe when Intake.Submit has returned without an error,
// a camera's when Cameras has published it; until then it lies in a bounded
// list in memory. From then on the queue hands it out until its inspection is
// stored. The evidence is stored before the record that names it, so a record
// never names what was never there; if the object store and its spool both
// refuse, the resident's answer goes first: the inspection is stored without
// that image, which is counted and logged. All that the worker does for one
// deposit is decided by the deposit alone (keys, the random share of passes),
// so a redelivery does it alike.
package pipeline
