// Package queue is where deposits wait for the models, on disk: NATS
// JetStream, by default a server embedded in this process that listens
// nowhere, or an external cluster by URL. The client code is the same.
//
// What it promises:
//
//   - Publish returns nil only after the stream has acknowledged the deposit.
//     With the embedded server and Config.NoSync unset that means that it was
//     synced to the disk. The deposit's ID is the message's ID: publishing it
//     again within minutes stores nothing.
//   - Consume hands every deposit to the handler at least once, and takes it
//     off the queue only after the handler has returned nil. Exactly one
//     inspection per deposit is the store's work, by a unique key.
//   - A handler's error brings the deposit back later, with a growing delay,
//     and after Config.MaxAttempts sets it aside in a second stream of dead
//     letters with the reason. An error wrapped by Permanent sets it aside at
//     once. An error wrapped by Retry (the store is away, the models are
//     busy) never does: the handler is called again in place for as long as
//     it takes.
//   - A full queue refuses (ErrFull); nothing that was acknowledged is
//     discarded for something newer. Config.MaxAge is the one exception: a
//     deposit that nobody worked on for that long is dropped for privacy's
//     sake.
//
// It never looks into a deposit's pictures, and it never logs a URL, a token
// or a file of credentials.
//
// The notifications of stored inspections (PublishStored, SubscribeStored) go
// over core NATS without storage: they tell the other servers on the same
// cluster, and a lost one is made good by reading the store.
package queue
